import { newPrivateKey, publicHalf } from './key-pair.ts';
import { password } from './password.ts';
import { type Recipe, RecipeError } from './recipe.ts';

/**
 * Makes the values that are missing. A key that has a value is left alone, and what belongs together fits: a public
 * key is that of the private key that is there.
 *
 * @param recipe how each value is made
 * @param existing the values that are there; an empty one counts as missing
 * @returns the new values alone
 * @throws RecipeError where new values would not fit those that are there
 */
export async function generateValues(
  recipe: Recipe,
  existing: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const present = new Map(Object.entries(existing).filter(([, value]) => value !== ''));
  const made = new Map<string, string>();
  const known = (key: string): string | undefined => present.get(key) ?? made.get(key);
  checkOrphans(recipe, present);
  const missing = [...recipe].filter(([key]) => !present.has(key));
  for (const [key, generator] of missing) {
    if ('password' in generator) made.set(key, password(generator.password.length));
  }
  for (const [key, generator] of missing) {
    if (!('privateKey' in generator)) continue;
    const { passphraseKey } = generator.privateKey;
    const passphrase = passphraseKey === undefined ? undefined : known(passphraseKey);
    made.set(key, await newPrivateKey(generator.privateKey, passphrase));
  }
  for (const [key, generator] of missing) {
    if (!('publicKey' in generator)) continue;
    const { of, format } = generator.publicKey;
    const passphraseKey = passphraseKeyOf(recipe, of);
    const passphrase = passphraseKey === undefined ? undefined : known(passphraseKey);
    const half = publicHalf(known(of) ?? '', passphrase, format);
    if (half === undefined) {
      throw new RecipeError(
        `${key} can't be made: ${of} is no RSA or ed25519 key in PEM that ${passphraseKey ?? 'no passphrase'} opens; give a value for ${key}, or delete ${of} to have a new pair`,
      );
    }
    made.set(key, half);
  }
  return Object.fromEntries(made);
}

/** A new private key would not fit a public one that is there, nor a new passphrase a private key. */
function checkOrphans(recipe: Recipe, present: ReadonlyMap<string, string>): void {
  for (const [key, generator] of recipe) {
    if (!present.has(key)) continue;
    const needed =
      'publicKey' in generator
        ? generator.publicKey.of
        : 'privateKey' in generator
          ? generator.privateKey.passphraseKey
          : undefined;
    if (needed !== undefined && !present.has(needed)) {
      throw new RecipeError(
        `${needed} is missing, and a new one would not fit ${key}: put it back, or delete ${key} too to have both made`,
      );
    }
  }
}

function passphraseKeyOf(recipe: Recipe, key: string): string | undefined {
  const generator = recipe.get(key);
  return generator !== undefined && 'privateKey' in generator
    ? generator.privateKey.passphraseKey
    : undefined;
}

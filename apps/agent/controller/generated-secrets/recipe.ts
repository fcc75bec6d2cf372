import type { SecretGenerator } from '../../../../lib/kubernetes/generated-secret.ts';

/** How each value of a Secret is made, by its key. */
export type Recipe = ReadonlyMap<string, SecretGenerator>;

/** Why values can't be made. The message shows no value of a Secret, and nothing of a recipe that may be one. */
export class RecipeError extends Error {
  override readonly name = 'RecipeError';
}

type Fields = Readonly<Record<string, unknown>>;

/** A program makes a handful. A thousand keys of 8192 bits would keep the controller busy for an hour. */
const MOST_KEYS = 64;

/** Reads the annotation `keelson.dev/generate`, by the rules by which the library writes it. */
export function parseRecipe(text: string): Recipe {
  const recipe = new Map<string, SecretGenerator>();
  const entries = Object.entries(fields(parsed(text)) ?? wrong('it is no JSON object'));
  if (entries.length > MOST_KEYS) wrong(`it has more than ${MOST_KEYS} keys`);
  for (const [key, generator] of entries) {
    // What is no key may be anything, a secret too.
    if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key)) wrong('it names a key that a Secret can not have');
    recipe.set(key, generatorOf(key, generator));
  }
  for (const [key, generator] of recipe) checkReferences(recipe, key, generator);
  return recipe;
}

function generatorOf(key: string, given: unknown): SecretGenerator {
  const entries = Object.entries(fields(given) ?? {});
  const [kind, options] = entries[0] ?? [];
  const known = fields(options);
  if (entries.length === 1 && known !== undefined) {
    if (kind === 'password' && only(known, 'length')) {
      return { password: { length: whole(key, known['length'], 8, 1024) } };
    }
    if (kind === 'privateKey' && only(known, 'type', 'bits', 'passphraseKey')) return privateKey(key, known);
    if (kind === 'publicKey' && only(known, 'of', 'format')) {
      const { of, format } = known;
      if (typeof of === 'string' && (format === 'pem' || format === 'openssh')) {
        return { publicKey: { of, format } };
      }
    }
  }
  return wrong(`${key} is made in no way that this agent knows`);
}

function privateKey(key: string, { type, bits, passphraseKey }: Fields): SecretGenerator {
  if (type !== 'rsa' && type !== 'ed25519') wrong(`the private key ${key} is neither rsa nor ed25519`);
  if (type === 'ed25519' && bits !== undefined) wrong(`${key} has bits, and ed25519 keys have one length`);
  if (passphraseKey !== undefined && typeof passphraseKey !== 'string') {
    wrong(`the passphrase of ${key} is not the name of a key`);
  }
  return {
    privateKey: {
      type,
      ...(bits !== undefined && { bits: whole(key, bits, 2048, 8192) }),
      ...(typeof passphraseKey === 'string' && { passphraseKey }),
    },
  };
}

function checkReferences(recipe: Recipe, key: string, generator: SecretGenerator): void {
  if ('privateKey' in generator) {
    const { passphraseKey } = generator.privateKey;
    if (passphraseKey !== undefined && !('password' in (recipe.get(passphraseKey) ?? {}))) {
      wrong(`the passphrase of ${key} is no password of this Secret`);
    }
  } else if ('publicKey' in generator && !('privateKey' in (recipe.get(generator.publicKey.of) ?? {}))) {
    wrong(`${key} is the public half of no private key of this Secret`);
  }
}

function whole(key: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  return wrong(`${key} has a length that is no whole number from ${least} to ${most}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fields(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

function only(value: Fields, ...names: readonly string[]): boolean {
  return Object.keys(value).every((name) => names.includes(name));
}

function wrong(message: string): never {
  throw new RecipeError(`the recipe can't be followed: ${message}; synthesize the Secret again`);
}

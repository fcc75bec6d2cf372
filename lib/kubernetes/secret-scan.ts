import { hidden, type Problem } from './problem.ts';

/** Names that say that their value is a secret. */
const SECRET_NAME =
  /(PASSWORD|PASSWD|PASSPHRASE|(^|_)PASS$|SECRET|TOKEN|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)/i;

/** Names of what is about a secret and not one: where it lies, how long it lasts. */
const HARMLESS_NAME = /_(FILE|PATH|DIR|NAME|TTL|URL|ENDPOINT)$|^(MAX|MIN|NUM|N)_.*TOKENS$|TOKENIZER/i;
/** Switches, and references to other variables. */
const HARMLESS_VALUE = /^(|true|false|yes|no|on|off|\$\([A-Za-z_][A-Za-z0-9_]*\))$/i;

/** Texts that are a secret whatever they are called: private keys, well-known tokens, a password in a URL. */
const SECRET_VALUE = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\bgh[pousr]_[A-Za-z0-9]{36}/,
  /\bgithub_pat_[A-Za-z0-9_]{22,}/,
  /\bglpat-[A-Za-z0-9_-]{20}/,
  /\b(AKIA|ASIA)[0-9A-Z]{16}\b/,
  /\bxox[baprs]-[A-Za-z0-9-]{10,}/,
  /:\/\/[^/\s:@$"',]*:(?!\$\()[^/\s@"']+@/,
];
/** All of them in one pass: whole ConfigMaps are searched. */
const ANY_SECRET_VALUE = new RegExp(SECRET_VALUE.map(({ source }) => source).join('|'));

/** Whether a text is recognizably a secret. `$(NAME)` references to other variables are not. */
export function looksSecret(text: string): boolean {
  return ANY_SECRET_VALUE.test(text);
}

/** Whether a name says that its value is a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !HARMLESS_NAME.test(name);
}

/** The problem with a literal that is, or is named like, a secret. Its value is never shown. */
export function literalSecretProblem(property: string, name: string, value: string): Problem | undefined {
  const named = isSecretName(name) && !HARMLESS_VALUE.test(value);
  if (!named && !looksSecret(value)) return undefined;
  return {
    property,
    value: hidden,
    message: 'is a secret in plain text',
    remedy:
      'give SecretSource.existing(name, key), or SecretSource.literal(value, { allowPlaintext: reason })',
  };
}

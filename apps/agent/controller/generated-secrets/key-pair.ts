import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

const generate = promisify(generateKeyPair);
const DEFAULT_BITS = 4096;
const CIPHER = 'aes-256-cbc';

/**
 * A new private key as PEM: PKCS#1 for RSA, PKCS#8 for ed25519. With a passphrase an RSA key is encrypted in the
 * traditional way (RFC 1421), an ed25519 key as PKCS#8 has it. It is made in a thread of its own.
 */
export async function newPrivateKey(
  { type, bits = DEFAULT_BITS }: { readonly type: 'rsa' | 'ed25519'; readonly bits?: number },
  passphrase: string | undefined,
): Promise<string> {
  const encryption = passphrase === undefined ? {} : { cipher: CIPHER, passphrase };
  if (type === 'ed25519') {
    const { privateKey } = await generate('ed25519');
    return privateKey.export({ type: 'pkcs8', format: 'pem', ...encryption }).toString();
  }
  const { privateKey } = await generate('rsa', { modulusLength: bits });
  return privateKey.export({ type: 'pkcs1', format: 'pem', ...encryption }).toString();
}

/**
 * The public half of a private key: as PEM, which is PKCS#1 for RSA and SubjectPublicKeyInfo for ed25519, or as a
 * line of authorized_keys. Undefined where the private key can't be read, or is of another kind.
 */
export function publicHalf(
  privateKey: string,
  passphrase: string | undefined,
  format: 'pem' | 'openssh',
): string | undefined {
  const key = read(privateKey, passphrase);
  if (key?.asymmetricKeyType === 'rsa') {
    return format === 'pem' ? key.export({ type: 'pkcs1', format: 'pem' }).toString() : sshRsa(key);
  }
  if (key?.asymmetricKeyType === 'ed25519') {
    return format === 'pem' ? key.export({ type: 'spki', format: 'pem' }).toString() : sshEd25519(key);
  }
  return undefined;
}

function read(privateKey: string, passphrase: string | undefined): KeyObject | undefined {
  try {
    return createPublicKey(
      createPrivateKey({ key: privateKey, ...(passphrase !== undefined && { passphrase }) }),
    );
  } catch {
    return undefined;
  }
}

/** RFC 4253, section 6.6. */
function sshRsa(key: KeyObject): string {
  const { n = '', e = '' } = key.export({ format: 'jwk' });
  return sshLine('ssh-rsa', positive(Buffer.from(e, 'base64url')), positive(Buffer.from(n, 'base64url')));
}

/** RFC 8709, section 4. */
function sshEd25519(key: KeyObject): string {
  return sshLine('ssh-ed25519', Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url'));
}

function sshLine(type: string, ...parts: readonly Buffer[]): string {
  const blob = Buffer.concat([Buffer.from(type), ...parts].flatMap((part) => [length(part), part]));
  return `${type} ${blob.toString('base64')}\n`;
}

/** A number whose first bit is set would be read as a negative one. */
function positive(number: Buffer): Buffer {
  return (number[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), number]) : number;
}

function length(part: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(part.length);
  return bytes;
}

// Seals values as kubeseal does, with a key of the test's own.
import { constants, createCipheriv, type KeyObject, publicEncrypt, randomBytes } from 'node:crypto';

/**
 * A sealed value: the length of an RSA ciphertext in two bytes, that ciphertext, which hides a key, and the
 * value under that key.
 *
 * @param label what the value is bound to: `namespace/name` in the scope `strict`, `namespace` or nothing in the others
 */
export function seal(value: string, publicKey: KeyObject, label: string): string {
  const sessionKey = randomBytes(32);
  const options = { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  const hidden = publicEncrypt({ ...options, oaepLabel: Buffer.from(label) }, sessionKey);
  // The key is used once, so that the nonce may be zero.
  const cipher = createCipheriv('aes-256-gcm', sessionKey, Buffer.alloc(12));
  const sealed = Buffer.concat([cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(hidden.length);
  return Buffer.concat([length, hidden, sealed]).toString('base64');
}

/** What has the form of a sealed value, and is the same in every run. */
export function likeSealed(seed: number): string {
  const bytes = Buffer.alloc(2 + 512 + 40, seed);
  bytes.writeUInt16BE(512);
  return bytes.toString('base64');
}

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** By what a delivery shows that its sender knows the secret: a signature of its body, or the secret itself. */
export type Proof = { readonly signature: Buffer } | { readonly token: Buffer };

/**
 * The proof that a delivery brings, in whatever way its sender has; undefined where it brings none.
 *
 * GitHub: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries;
 * Gitea: https://docs.gitea.com/usage/repository/webhooks;
 * GitLab: https://docs.gitlab.com/user/project/integrations/webhooks/
 */
export function proofOf(headers: IncomingHttpHeaders): Proof | undefined {
  const hex =
    /^sha256=([0-9a-f]{64})$/.exec(headerOf(headers, 'x-hub-signature-256')) ??
    /^([0-9a-f]{64})$/.exec(headerOf(headers, 'x-gitea-signature'));
  if (hex?.[1] !== undefined) return { signature: Buffer.from(hex[1], 'hex') };
  const token = headerOf(headers, 'x-gitlab-token');
  // Node reads the bytes of a header as Latin-1.
  return token === '' ? undefined : { token: Buffer.from(token, 'latin1') };
}

/** What stands in for a secret that there is not, so that this takes as long as with a wrong one. */
const NO_SECRET = randomBytes(32);

/** Whether the sender knows the secret. Nobody does where there is none. */
export function isProven(proof: Proof, body: Buffer, secret: string | undefined): boolean {
  const known = secret !== undefined && secret !== '';
  const key = known ? Buffer.from(secret) : NO_SECRET;
  const matches =
    'signature' in proof
      ? timingSafeEqual(createHmac('sha256', key).update(body).digest(), proof.signature)
      : timingSafeEqual(sha256(key), sha256(proof.token));
  return matches && known;
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function headerOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

import { X509Certificate } from 'node:crypto';
import { whenKnown } from './deferred.ts';
import { hidden, type Problem, problemsWhenKnown } from './problem.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates in a text, without what stands beside them. */
export function certificatesIn(text: string): string {
  return whenKnown(text, certificatesAlone);
}

function certificatesAlone(text: string): string {
  return `${(text.match(CERTIFICATE) ?? []).join('\n')}\n`;
}

/** What is wrong with the certificates of an authority. */
export function certificateProblems(property: string, text: string | undefined): Problem[] {
  return problemsWhenKnown(property, text, (known) => problemsOf(property, known));
}

function problemsOf(property: string, text: string | undefined): Problem[] {
  if (text === undefined) return [];
  // A private key may stand beside them.
  const problem = { property, value: hidden, remedy: 'give the certificates of the authority, in PEM' };
  if (typeof text !== 'string') return [{ ...problem, message: 'is no text' }];
  if (text.includes('PRIVATE KEY')) return [{ ...problem, message: 'has a private key in it' }];
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length > 0 && certificates.every(isCertificate)) return [];
  return [{ ...problem, message: 'is no certificate' }];
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}

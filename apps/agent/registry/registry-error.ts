/**
 * Why a registry gave no answer that helps. `unauthorized`: it answered 401 or 403, as registries also do for a
 * repository that is not there yet. `missing`: it has nothing under that digest. `unreachable`: no connection, a
 * time-out, 429 or a failure of the server, so that asking again later helps. `too-large`: more than is read.
 * `protocol`: it answered something that the OCI distribution specification doesn't allow.
 */
export type RegistryErrorKind = 'unauthorized' | 'missing' | 'unreachable' | 'too-large' | 'protocol';

/** A question that a registry did not answer. Its message names registry, repository and remedy, and no credential. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  /** What went wrong, for programs. */
  readonly kind: RegistryErrorKind;

  constructor(kind: RegistryErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }

  /** The same with what was asked for, in front. */
  about(subject: string): RegistryError {
    return new RegistryError(
      this.kind,
      `${subject}: ${this.message}`,
      this.cause === undefined ? {} : { cause: this.cause },
    );
  }
}

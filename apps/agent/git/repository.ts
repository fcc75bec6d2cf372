/** A repository on a git server, with the values that the controller has read from Secrets. */
export interface Repository {
  /** Its URL, as the pipeline's configuration has it. */
  readonly url: string;
  /** Absent where anybody may read it. */
  readonly credential?: RepositoryCredential;
}

/** How a private repository is read: with a token over https, or with a key over ssh. */
export type RepositoryCredential =
  | { readonly kind: 'token'; readonly username: string; readonly token: string }
  | { readonly kind: 'ssh'; readonly privateKey: string; readonly knownHosts: string };

/** The value of an Authorization header. Secrets often end in a line break that is none of the token. */
export function basicAuthorization({
  username,
  token,
}: {
  readonly username: string;
  readonly token: string;
}): string {
  return `Basic ${Buffer.from(`${username}:${token.trim()}`).toString('base64')}`;
}

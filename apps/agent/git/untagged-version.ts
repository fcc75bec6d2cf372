/** The version of a commit that no tag gives one: below every release. */
export function untaggedVersion(commit: string): string {
  return `0.0.0-g${commit.slice(0, 12)}`;
}

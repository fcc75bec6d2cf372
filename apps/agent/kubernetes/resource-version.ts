/**
 * Whether a resourceVersion is older than another of the same kind. They are whole numbers, too large for a number.
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
 */
export function isOlder(version: string, other: string): boolean {
  return version.length === other.length ? version < other : version.length < other.length;
}

import { hostOf, type RegistryAccount, type RegistryAccounts } from '../../../lib/agent/registry-accounts.ts';

/**
 * The account for a repository: of the places that it lies in, the longest, and one without a `*` before one
 * with it. A `*` stands for a part of a host's name, as the kubelet reads it.
 *
 * @param host the registry, Docker Hub as `docker.io`
 * @see https://kubernetes.io/docs/concepts/containers/images/#config-json
 */
export function accountFor(
  accounts: RegistryAccounts,
  host: string,
  repository: string,
): RegistryAccount | undefined {
  const matching = [...accounts.keys()].filter((place) => contains(place, host, repository));
  const [best] = matching.sort(
    (a, b) => pathOf(b).length - pathOf(a).length || wildcards(a) - wildcards(b) || (a < b ? -1 : 1),
  );
  return best === undefined ? undefined : accounts.get(best);
}

function contains(place: string, host: string, repository: string): boolean {
  const path = pathOf(place);
  return hostMatches(hostOf(place), host.toLowerCase()) && `${repository}/`.startsWith(path && `${path}/`);
}

function hostMatches(pattern: string, host: string): boolean {
  if (!pattern.includes('*')) return pattern === host;
  const patternParts = pattern.split('.');
  const parts = host.split('.');
  return (
    patternParts.length === parts.length &&
    patternParts.every((part, index) => partMatches(part, parts[index] ?? ''))
  );
}

// Without regular expressions: a pattern with many stars would make one of them very slow.
function partMatches(pattern: string, part: string): boolean {
  const [first = '', ...pieces] = pattern.split('*');
  const last = pieces.pop();
  if (last === undefined) return pattern === part;
  if (!part.startsWith(first) || !part.endsWith(last)) return false;
  let position = first.length;
  for (const piece of pieces) {
    const found = part.indexOf(piece, position);
    if (found < 0) return false;
    position = found + piece.length;
  }
  return position <= part.length - last.length;
}

function pathOf(place: string): string {
  const slash = place.indexOf('/');
  return slash < 0 ? '' : place.slice(slash + 1);
}

function wildcards(place: string): number {
  return place.split('*').length - 1;
}

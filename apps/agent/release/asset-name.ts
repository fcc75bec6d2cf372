const MAX_LENGTH = 200;

/**
 * A file's name as GitHub keeps it. GitHub renames what has other characters, which would then not be found
 * again under its own name; what is returned here it leaves as it is.
 *
 * @see https://docs.github.com/en/rest/releases/assets#upload-a-release-asset
 */
export function assetName(fileName: string): string {
  const name = fileName
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .replace(/^\./, 'default.')
    .replace(/[^A-Za-z0-9_+@-]+/g, '.')
    .replace(/^\.|\.$/g, '');
  return shortened(name === '' ? 'asset' : name);
}

/** Names of which no two are equal, whatever the case of their letters: a later one gets a number. */
export function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let number = 2; taken.has(unique.toLowerCase()); number += 1) unique = numbered(name, number);
    taken.add(unique.toLowerCase());
    return unique;
  });
}

/** `a.tar.gz` becomes `a-2.tar.gz`. */
function numbered(name: string, number: number): string {
  const dot = name.indexOf('.');
  return dot <= 0 ? `${name}-${number}` : `${name.slice(0, dot)}-${number}${name.slice(dot)}`;
}

// Keeps the end, which says what the file is.
function shortened(name: string): string {
  return name.length <= MAX_LENGTH ? name : name.slice(-MAX_LENGTH).replace(/^\./, '');
}

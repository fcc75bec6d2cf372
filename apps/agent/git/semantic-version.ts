/** Semantic Versioning 2.0.0, https://semver.org */
const PATTERN =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*))*))?(?:\+[\da-zA-Z-]+(?:\.[\da-zA-Z-]+)*)?$/;

const MAX_LENGTH = 128;

/** A text as a semantic version, without the `v` before it; undefined where it is none or longer than 128 characters. */
export function semanticVersion(text: string): string | undefined {
  const version = text.replace(/^v/, '');
  return version.length <= MAX_LENGTH && PATTERN.test(version) ? version : undefined;
}

/** Orders semantic versions by precedence, and those of equal precedence (which differ in build metadata) as texts. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [parts(left), parts(right)];
  return (
    compareLists(a.core, b.core) ||
    // A version without a pre-release is above those with one.
    Number(a.prerelease.length === 0) - Number(b.prerelease.length === 0) ||
    compareLists(a.prerelease, b.prerelease) ||
    compareTexts(left, right)
  );
}

function parts(version: string): { core: readonly string[]; prerelease: readonly string[] } {
  const [, major = '0', minor = '0', patch = '0', prerelease] = PATTERN.exec(version) ?? [];
  return { core: [major, minor, patch], prerelease: prerelease?.split('.') ?? [] };
}

function compareLists(left: readonly string[], right: readonly string[]): number {
  for (const [index, a] of left.entries()) {
    const b = right[index];
    if (b === undefined) return 1;
    const order = compareIdentifiers(a, b);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Numbers, of any length, are below texts. */
function compareIdentifiers(a: string, b: string): number {
  const [numericA, numericB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (numericA !== numericB) return numericA ? -1 : 1;
  return (numericA && a.length - b.length) || compareTexts(a, b);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

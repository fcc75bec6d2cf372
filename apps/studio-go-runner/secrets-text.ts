import { createSecretCommand, type ExpectedSecret, type SecretMaker } from 'keelson';

const MAKERS: Readonly<Record<SecretMaker, string>> = {
  you: 'you',
  controller: 'the controller',
  'external-secrets': 'External Secrets',
  'sealed-secrets': 'Sealed Secrets',
  manifest: 'the manifest',
};

/** Secrets for a person: a table, what reads them, and the commands for those that a person has to make. */
export function secretsText(secrets: readonly ExpectedSecret[]): string {
  if (secrets.length === 0) return 'no Secrets\n';
  const rows = secrets.map(({ namespace = '-', name, keys, type, madeBy, optional }) => [
    namespace,
    name,
    keys.join(',') || '(any)',
    type,
    MAKERS[madeBy],
    optional ? 'optional' : 'needed',
  ]);
  const lines = table([['NAMESPACE', 'NAME', 'KEYS', 'TYPE', 'MADE BY', ''], ...rows]);
  lines.push('', 'read by:');
  const readers = secrets.flatMap(({ name, readers }) =>
    readers.map(({ path, property, key = '(any)' }) => [`  ${name}`, key, path, property]),
  );
  lines.push(...table(readers));
  const yours = secrets.filter(({ madeBy }) => madeBy === 'you');
  if (yours.length > 0)
    lines.push('', 'make yours with (FILE: a file with the value before it, or /dev/stdin):');
  for (const secret of yours) {
    lines.push(`  ${createSecretCommand(secret)}${secret.optional ? '   # optional' : ''}`);
  }
  return `${lines.join('\n')}\n`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

const BLOCK_BYTES = 512;

/** What fits into the fields of a header; anything else is told by a record before it. */
const MAX_NAME_BYTES = 100;
const MAX_SIZE = 0o77777777777;

/** The two empty blocks at the end of an archive. */
export const END_OF_ARCHIVE: Uint8Array = Buffer.alloc(2 * BLOCK_BYTES);

/**
 * The header of a regular file that anybody may read: as POSIX has it, with an extended header before it for a long
 * name or a large file.
 *
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13
 */
export function fileHeader(path: string, size: number): Uint8Array {
  const records: string[] = [];
  const plain = /^[\x20-\x7e]*$/.test(path) && path.length <= MAX_NAME_BYTES;
  if (!plain) records.push(record('path', path));
  if (size > MAX_SIZE) records.push(record('size', String(size)));
  const header = block(plain ? path : 'file', Math.min(size, MAX_SIZE), '0');
  if (records.length === 0) return header;
  const extended = Buffer.from(records.join(''));
  return Buffer.concat([
    block('PaxHeader', extended.byteLength, 'x'),
    extended,
    padding(extended.byteLength),
    header,
  ]);
}

/** What fills the last block of so many bytes. */
export function padding(bytes: number): Uint8Array {
  return Buffer.alloc((BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

/** `LENGTH KEY=VALUE\n`, whose length counts its own digits. */
function record(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function block(name: string, size: number, type: string): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  header.write(name, 0, 'latin1');
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  // The time of a file would make two archives of the same content differ.
  header.write('00000000000\0', 136);
  // The checksum is made with blanks in its own place.
  header.write('        ', 148);
  header.write(type, 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/**
 * The lines of a stream that are not empty. What follows the last line's end is the half of a line, and left out.
 * One longer than `longest` bytes is an error.
 */
export async function* lines(stream: AsyncIterable<Buffer>, longest: number): AsyncGenerator<string> {
  let begun: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', from)) {
      begun.push(chunk.subarray(from, end));
      // Decoded whole: a character may be split between two chunks.
      const line = Buffer.concat(begun).toString();
      begun = [];
      length = 0;
      from = end + 1;
      if (line !== '') yield line;
    }
    length += chunk.length - from;
    if (length > longest) throw new Error(`a line has more than ${longest} bytes`);
    // Even an empty part would keep its chunk in memory.
    if (from < chunk.length) begun.push(chunk.subarray(from));
  }
}

/** One way in which a server asks to be told who is there. */
export interface Challenge {
  /** In lower case: `basic`, `bearer`, … */
  readonly scheme: string;
  /** Its parameters, their names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const PARAMETER = /^([A-Za-z0-9_-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/;
const SCHEME = /^([A-Za-z][A-Za-z0-9_-]*)(?=[ \t,]|$)/;

/**
 * Reads the value of a `WWW-Authenticate` header, which can hold several challenges. What comes after something
 * that can't be read is left out.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-www-authenticate
 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let rest = header.replace(/^[\s,]+/, '');
  while (rest !== '') {
    const parameter = PARAMETER.exec(rest);
    const scheme = parameter === null ? SCHEME.exec(rest) : null;
    if (scheme !== null) {
      challenges.push({ scheme: (scheme[1] ?? '').toLowerCase(), parameters: new Map() });
    } else if (parameter !== null) {
      const [, name = '', quoted, plain = ''] = parameter;
      challenges.at(-1)?.parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain);
    } else {
      break;
    }
    rest = rest.slice((parameter ?? scheme)?.[0].length).replace(/^[\s,]+/, '');
  }
  return challenges;
}

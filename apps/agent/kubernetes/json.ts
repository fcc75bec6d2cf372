/**
 * A value as JSON that is YAML too, and the same value in both: server-side apply reads its body as YAML, which forbids
 * some characters and takes others for ends of lines. Branches may be named by them.
 *
 * @see https://yaml.org/spec/1.2.2/#51-character-set
 */
export function jsonForYaml(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The path of a real Keel; without one, the tests write Deployments as Keel does. */
export const KEEL_BIN: string | undefined = process.env['KEEL_BIN'] || undefined;

/** The path of a real Makisu; without one, Buildah builds. */
export const MAKISU_BIN: string | undefined = process.env['MAKISU_BIN'] || undefined;

/** For the names of suites, which say what was real. */
export const whichKeel: string =
  KEEL_BIN === undefined ? 'Deployments written as Keel does (no KEEL_BIN)' : 'a real Keel';
export const whatIsReal: string = [
  whichKeel,
  MAKISU_BIN === undefined ? 'a real Buildah (no MAKISU_BIN)' : 'a real Makisu',
].join(', ');

import type { SecurityContext } from 'kubernetes-types/core/v1.d.ts';
import { whenKnown } from '../kubernetes/deferred.ts';

/**
 * What unpacking a base image and package managers in RUN steps need of root's powers. All are within Pod
 * Security's `baseline`. Without FSETID a file that a base image has setgid would lose that.
 *
 * @see https://man7.org/linux/man-pages/man7/capabilities.7.html
 */
const CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETFCAP',
  'SETGID',
  'SETUID',
  'SYS_CHROOT',
];

/** The security context of a builder that runs RUN steps as root in its own container, with a writable root. */
export function rootBuild(): SecurityContext {
  return {
    runAsUser: 0,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'], add: [...CAPABILITIES] },
  };
}

/** A program's own text as an argument of a container, in which the kubelet would expand `$(NAME)`. */
export function literalArgument(text: string): string {
  // What a JavaScript program gives instead of a text has been reported, and must not stop the others.
  return whenKnown(String(text), escaped);
}

function escaped(text: string): string {
  return text.replaceAll('$', '$$$$');
}

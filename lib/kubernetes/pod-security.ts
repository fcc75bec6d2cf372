import type { PodSecurityContext, SecurityContext } from 'kubernetes-types/core/v1.d.ts';

/** The levels of the Pod Security Standards, from the strictest on. */
export type PodSecurityLevel = 'restricted' | 'baseline' | 'privileged';

const ORDER: readonly PodSecurityLevel[] = ['restricted', 'baseline', 'privileged'];

/**
 * The Pod Security level that something needs, with the reason where it is more than `restricted`.
 *
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/
 * @example
 * PodSecurity.baseline('the build image runs as root')
 */
export class PodSecurity {
  /** The label by which a namespace enforces a level. */
  static readonly ENFORCE = 'pod-security.kubernetes.io/enforce';

  /** Nothing beyond the strictest level. */
  static restricted(): PodSecurity {
    return new PodSecurity('restricted');
  }

  /** Needs `baseline`, for the given reason, which is written on the namespace. */
  static baseline(reason: string): PodSecurity {
    return new PodSecurity('baseline', reason);
  }

  /** Needs `privileged`, for the given reason, which is written on the namespace. */
  static privileged(reason: string): PodSecurity {
    return new PodSecurity('privileged', reason);
  }

  /** The level that covers all of the given ones. The reasons are joined. */
  static covering(needs: readonly PodSecurity[]): PodSecurity {
    // What is none asks for nothing.
    const known = Array.isArray(needs) ? needs.filter((need) => need instanceof PodSecurity) : [];
    const level = ORDER[Math.max(0, ...known.map((need) => ORDER.indexOf(need.level)))] ?? 'restricted';
    const reasons = known.filter((need) => need.level === level).flatMap((need) => need.reason ?? []);
    return new PodSecurity(level, reasons.length === 0 ? undefined : [...new Set(reasons)].join('; '));
  }

  /** The level. */
  readonly level: PodSecurityLevel;
  /** Why it is less than `restricted`; undefined where it is not. */
  readonly reason: string | undefined;

  private constructor(level: PodSecurityLevel, reason?: string) {
    this.level = level;
    this.reason = reason;
  }

  /** Whether a namespace of this level admits what needs `other`. */
  admits(other: PodSecurity): boolean {
    return ORDER.indexOf(this.level) >= ORDER.indexOf(other.level);
  }

  /**
   * The labels by which the Pod Security admission enforces this level. Below `restricted` it still warns
   * of and audits what `restricted` would refuse.
   */
  get labels(): Record<string, string> {
    return {
      [PodSecurity.ENFORCE]: this.level,
      'pod-security.kubernetes.io/warn': 'restricted',
      'pod-security.kubernetes.io/audit': 'restricted',
    };
  }
}

/** A pod security context that `restricted` admits, for a fixed user and group. */
export function restrictedPod(uid: number): PodSecurityContext {
  return {
    runAsNonRoot: true,
    runAsUser: uid,
    runAsGroup: uid,
    fsGroup: uid,
    // Without this the kubelet walks a whole volume at every start to change its group.
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  };
}

/** A container security context that `restricted` admits, with a read-only root file system. */
export function restrictedContainer(): SecurityContext {
  return {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
  };
}

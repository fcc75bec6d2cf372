/** A request that the API server did not fulfil. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError';
  /** The HTTP status; 0 where there was no answer. */
  readonly status: number;
  /** Kubernetes' word for it, such as `AlreadyExists`. */
  readonly reason: string | undefined;
  /** How long the API server asks to wait before the next try, in milliseconds. */
  readonly retryAfter: number | undefined;

  constructor(what: string, answer: { status: number; body: unknown; retryAfter?: number | undefined }) {
    const { message = JSON.stringify(answer.body)?.slice(0, 200), reason } = statusOf(answer.body);
    super(`${what}: ${answer.status === 0 ? '' : `${answer.status} `}${message}`);
    this.status = answer.status;
    this.reason = reason;
    this.retryAfter = answer.retryAfter;
  }

  /** Whether the same request may be answered otherwise in a moment. */
  get transient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Whether the error is the API server's with this HTTP status. */
export function hasStatus(error: unknown, ...statuses: readonly number[]): boolean {
  return error instanceof KubernetesError && statuses.includes(error.status);
}

/** Whether the request met a change by another, or its own where it was sent again because an answer got lost. */
export function isConflict(error: unknown): boolean {
  return hasStatus(error, 409) && !isAlreadyExists(error);
}

/** Whether an object of that name is there already. */
export function isAlreadyExists(error: unknown): boolean {
  return error instanceof KubernetesError && error.reason === 'AlreadyExists';
}

/** Whether the namespace is being deleted, so that nothing can be made in it. */
export function isTerminating(error: unknown): boolean {
  return error instanceof KubernetesError && error.status === 403 && /being terminated/.test(error.message);
}

function statusOf(body: unknown): { message?: string; reason?: string } {
  if (typeof body === 'string') return { message: body };
  return typeof body === 'object' && body !== null ? body : {};
}

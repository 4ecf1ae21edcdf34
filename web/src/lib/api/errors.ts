/** What the server said no with, in its own words. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** The parameter that was wrong, where the server names it. */
    readonly field?: string,
    /** Also in the server's log. */
    readonly errorId?: string,
    /** Seconds. */
    readonly retryAfter?: number,
  ) {
    super(message);
    this.name = 'ApiError';
  }

  /** `body`: of any of the server's error shapes, or text, or nothing. */
  static from(response: Response, body: unknown): ApiError {
    const parts = isRecord(body) ? body : {};
    const detail = isRecord(parts.detail) ? parts.detail : {};
    const retry = Number(response.headers.get('Retry-After'));

    return new ApiError(
      response.status,
      text(parts.error) ?? text(parts.detail) ?? words(response.status),
      text(detail.field),
      text(parts.error_id),
      retry > 0 ? retry : undefined,
    );
  }
}

/** No answer at all: the server is away, or the way to it is. */
export class NetworkError extends Error {
  constructor() {
    super('sheaf does not answer. It may be restarting; this view catches up by itself.');
    this.name = 'NetworkError';
  }
}

/** Worth another try without a change by the person? */
export function isPassing(error: unknown): boolean {
  return error instanceof NetworkError || (error instanceof ApiError && error.status >= 500);
}

export function needsLogin(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function words(status: number): string {
  switch (status) {
    case 401:
      return 'This needs the admin token.';
    case 404:
      return 'There is no such thing here.';
    case 413:
      return 'That is too large for this server.';
    case 429:
      return 'Too many requests; try again in a moment.';
    case 507:
      return 'The disk of the server is full.';
    default:
      return `The server answered with status ${String(status)}.`;
  }
}

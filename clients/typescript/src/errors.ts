/** What can go wrong. All are `ClientError`. */
export class ClientError extends Error {
  override name = "ClientError";
}

/** No complete answer came; the request may have arrived. */
export class Unreachable extends ClientError {
  override name = "Unreachable";
}

/** An answer that the API does not give. */
export class UnexpectedResponse extends ClientError {
  override name = "UnexpectedResponse";
}

/** One field of a request that is wrong, by its JSON pointer. */
export interface FieldError {
  pointer: string;
  message: string;
}

/** The API refused: `code` is for programs, `detail` for people; `retryAfter` in milliseconds, where it says so. */
export class ApiError extends ClientError {
  override name = "ApiError";

  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly errors: readonly FieldError[] = [],
    readonly requestId: string | null = null,
    readonly retryAfter: number | null = null,
  ) {
    const fields = errors.map((field) => ` ${field.pointer}: ${field.message}`).join("");
    super(`${detail}${fields} (${code || status}${requestId ? `, request ${requestId}` : ""})`);
  }
}

/** The error that a response of 400 or more carries (RFC 9457), whatever its body is. */
export async function apiError(response: Response): Promise<ApiError> {
  const problem = await response.json().catch(() => null);
  const known = problem !== null && typeof problem === "object" ? (problem as Record<string, unknown>) : {};
  const detail = known["detail"] ?? known["title"];
  return new ApiError(
    response.status,
    typeof known["code"] === "string" ? known["code"] : "",
    typeof detail === "string" ? detail : `The API answered ${response.status}.`,
    Array.isArray(known["errors"]) ? (known["errors"] as FieldError[]) : [],
    response.headers.get("X-Request-Id"),
    retryAfter(response.headers.get("Retry-After")),
  );
}

/** Milliseconds, of seconds or a date (RFC 9110 10.2.3); null when it is neither. */
export function retryAfter(header: string | null): number | null {
  if (header === null) return null;
  const wait = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(wait) ? null : Math.min(Math.max(wait, 0), 3_600_000);
}

import { ApiError, Unreachable, UnexpectedResponse, apiError } from "./errors.js";
import { Retrying, sleep } from "./retrying.js";

/** A key (in a server), or an end user's token, or what fetches one from your own backend. */
export type Credentials = string | (() => string | Promise<string>);

export interface ClientOptions {
  /** Where the API is; without it, where the page came from. */
  url?: string;
  token: Credentials;
  /** With a service key, in a server: the end user it acts for. */
  user?: string;
  /** For how long a request that harms nothing when it is repeated is tried again, in milliseconds. */
  retryFor?: number;
  /** For how long a stream that was cut is taken up again without an answer, in milliseconds. */
  reconnectFor?: number;
  fetch?: typeof fetch;
  WebSocket?: typeof WebSocket;
}

export interface RequestOptions {
  query?: Record<string, string | number | readonly string[] | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
  /** Whether it may be sent again. GETs may; so may a POST with an `Idempotency-Key`. */
  isSafe?: boolean;
  signal?: AbortSignal | undefined;
  /** Instead of the client's. */
  fetch?: typeof fetch;
}

/** Requests to one API. A token that the API refuses is fetched once more where it comes from a function. */
export class Http {
  readonly url: string;
  private token: string | null = null;

  constructor(readonly options: ClientOptions) {
    const url = options.url ?? globalThis.location?.origin;
    if (!url) throw new TypeError("Say where the API is: `url` is missing.");
    this.url = url.replace(/\/+$/, "");
  }

  address(path: string, query: RequestOptions["query"] = {}): string {
    const url = new URL(this.url + path);
    for (const [name, value] of Object.entries(query)) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== undefined) url.searchParams.append(name, String(one));
      }
    }
    return url.href;
  }

  /** The JSON of the answer. Throws `ApiError`, `Unreachable` or `UnexpectedResponse`. */
  async json<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const { status, text } = await this.answer(method, path, options);
    if (status === 204) return undefined as T;
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new UnexpectedResponse(`The API answered ${status} with something that is no JSON.`);
    }
  }

  /** A whole answer that is no error, after as many tries as it may take. */
  private async answer(method: string, path: string, options: RequestOptions): Promise<{ status: number; text: string }> {
    const retrying = new Retrying(this.options.retryFor ?? 15_000);
    for (;;) {
      try {
        const response = await this.once(method, path, options);
        return { status: response.status, text: await this.textOf(response, options.signal) };
      } catch (error) {
        if (!(options.isSafe ?? method === "GET")) throw error;
        await sleep(retrying.pauseAfter(error), options.signal);
      }
    }
  }

  /** An answer that breaks off is as lost as one that never came. */
  private async textOf(response: Response, signal: AbortSignal | undefined): Promise<string> {
    try {
      return await response.text();
    } catch (failure) {
      signal?.throwIfAborted();
      throw new Unreachable(`The answer of ${this.url} broke off: ${String(failure)}`, { cause: failure });
    }
  }

  /** One attempt; a second one with a new token, where the first was refused. */
  async once(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    try {
      return await this.send(method, path, options, await this.authorization());
    } catch (error) {
      const isRefused = error instanceof ApiError && error.status === 401;
      if (!isRefused || typeof this.options.token !== "function") throw error;
      return await this.send(method, path, options, await this.authorization({ anew: true }));
    }
  }

  async authorization({ anew = false } = {}): Promise<Record<string, string>> {
    const { token, user } = this.options;
    if (anew || this.token === null) this.token = typeof token === "function" ? await token() : token;
    return { Authorization: `Bearer ${this.token}`, ...(user === undefined ? {} : { "Aijobs-User": user }) };
  }

  private async send(
    method: string,
    path: string,
    { query, body, headers, signal, fetch: own }: RequestOptions,
    authorization: Record<string, string>,
  ): Promise<Response> {
    const isJson = body !== undefined && !(body instanceof FormData);
    const init: RequestInit = {
      method,
      headers: { ...authorization, ...(isJson ? { "Content-Type": "application/json" } : {}), ...headers },
      credentials: "omit",
    };
    if (body !== undefined) init.body = isJson ? JSON.stringify(body) : (body as FormData);
    if (signal) init.signal = signal;
    let response: Response;
    try {
      response = await (own ?? this.options.fetch ?? fetch)(this.address(path, query), init);
    } catch (failure) {
      signal?.throwIfAborted();
      throw new Unreachable(`${this.url} cannot be reached: ${String(failure)}`, { cause: failure });
    }
    if (response.status >= 400) throw await apiError(response);
    return response;
  }
}

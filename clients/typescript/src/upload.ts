import type { Http } from "./http.js";
import type { UploadedFile } from "./types.js";

export interface UploadOptions {
  /** What the file is called; without it, its own name. */
  name?: string;
  /** Of an encrypted PDF. */
  password?: string;
  /** Called with the bytes that have left, and all of them. Browsers tell on the way; elsewhere it is told at the end. */
  onProgress?: (sent: number, total: number) => void;
  signal?: AbortSignal;
  idempotencyKey?: string;
}

/** Upload a photo or a document. It is sent again, for the client's `retryFor`, where no answer came. */
export async function upload(http: Http, file: Blob, options: UploadOptions = {}): Promise<UploadedFile> {
  const { onProgress, signal, password } = options;
  const body = new FormData();
  body.append("file", file, options.name ?? (file as Partial<File>).name ?? "file");
  if (password !== undefined) body.append("password", password);
  const headers = { "Idempotency-Key": options.idempotencyKey ?? crypto.randomUUID() };
  const isTold = onProgress !== undefined && typeof XMLHttpRequest !== "undefined";
  const send = isTold ? { fetch: fetchWithProgress(onProgress) } : {};
  const request = { body, headers, isSafe: true, signal, ...send };
  const uploaded = await http.json<UploadedFile>("POST", "/api/files", request);
  if (!isTold) onProgress?.(file.size, file.size);
  return uploaded;
}

/** A `fetch` that tells how much of the body has left, which only XMLHttpRequest can. */
function fetchWithProgress(onProgress: (sent: number, total: number) => void): typeof fetch {
  return (address, init) =>
    new Promise((resolve, reject) => {
      init?.signal?.throwIfAborted();
      const request = new XMLHttpRequest();
      request.open(init?.method ?? "GET", String(address));
      request.responseType = "arraybuffer";
      new Headers(init?.headers).forEach((value, name) => request.setRequestHeader(name, value));
      request.upload.onprogress = ({ loaded, total }) => onProgress(loaded, total);
      request.onload = () => resolve(answer(request));
      request.onerror = () => reject(new TypeError("The upload broke off."));
      request.onabort = () => reject(init?.signal?.reason ?? new DOMException("Aborted", "AbortError"));
      init?.signal?.addEventListener("abort", () => request.abort(), { once: true });
      request.send(init?.body as XMLHttpRequestBodyInit);
    });
}

function answer(request: XMLHttpRequest): Response {
  const lines = request.getAllResponseHeaders().trim().split(/\r?\n/);
  const headers = lines.filter(Boolean).map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as [string, string];
  });
  const body = [204, 304].includes(request.status) ? null : (request.response as ArrayBuffer);
  return new Response(body, { status: request.status, headers });
}

import { ClientError } from "./errors.js";
import { type FollowAllOptions, type LogEntry, allEvents } from "./event_log.js";
import { type ClientOptions, Http, type RequestOptions } from "./http.js";
import { type FollowOptions, jobEvents } from "./job_events.js";
import { type Job, type JobEvent, JobStatus, type Page, type Points, type UploadedFile } from "./types.js";
import { type UploadOptions, upload } from "./upload.js";

/** What else a new job may say. Times are RFC 3339, with a zone. */
export interface SubmitOptions {
  output_count?: number;
  metadata?: Record<string, string>;
  callback_url?: string;
  action?: string;
  priority?: number;
  start_at?: string;
  expires_at?: string;
  idempotencyKey?: string;
  signal?: AbortSignal;
}

export interface JobsFilter {
  status?: readonly string[];
  model?: string;
  created_after?: string;
  created_before?: string;
  q?: string;
}

export interface WaitOptions extends FollowOptions {
  /** Give up after so many milliseconds, with `WaitTimeout`. The job goes on. */
  timeout?: number;
  onEvent?: (event: JobEvent) => void;
}

/** A job ended in another status than SUCCESS. */
export class JobEndedBadly extends ClientError {
  override name = "JobEndedBadly";

  constructor(readonly job: Job) {
    super(`${job.code} ended as ${job.job_status_name}: ${job.error?.message ?? "no reason is known"}`);
  }
}

/** A job did not end in time. It goes on. */
export class WaitTimeout extends ClientError {
  override name = "WaitTimeout";
}

/** An aijobs API. In a browser, `token` fetches an end user's token from your own backend; a key belongs into no page. */
export class AijobsClient {
  private readonly http: Http;

  constructor(options: ClientOptions) {
    this.http = new Http(options);
  }

  /** Submit a job. With an idempotency key of its own making, so that a lost answer makes no second job. */
  submit(modelId: string, params: Record<string, unknown>, options: SubmitOptions = {}): Promise<Job> {
    const { idempotencyKey, signal, ...rest } = options;
    const body = { model_id: modelId, params, ...rest };
    return this.post("/api/jobs", body, idempotencyKey, signal);
  }

  job(code: string, signal?: AbortSignal): Promise<Job> {
    return this.http.json("GET", path(code), { signal });
  }

  /** The user's jobs, newest first, page by page as they are read. */
  async *jobs(filter: JobsFilter = {}, signal?: AbortSignal): AsyncGenerator<Job> {
    for (let cursor: string | undefined; ; ) {
      const query = { ...filter, limit: 100, cursor };
      const page = await this.http.json<Page<Job>>("GET", "/api/jobs", { query, signal });
      yield* page.data;
      if (!page.has_more || !page.next_cursor) return;
      cursor = page.next_cursor;
    }
  }

  /** Every event of a job, once and in order, live, until its end. */
  follow(code: string, options: FollowOptions = {}): AsyncGenerator<JobEvent> {
    return jobEvents(this.http, code, options);
  }

  /** The events of all the user's jobs, live. */
  followAll(options: FollowAllOptions = {}): AsyncGenerator<LogEntry> {
    return allEvents(this.http, options);
  }

  /** The job when it is SUCCESS. Throws `JobEndedBadly`, or `WaitTimeout`. */
  async wait(code: string, options: WaitOptions = {}): Promise<Job> {
    const { timeout, onEvent, signal, ...rest } = options;
    const limits = [signal, timeout === undefined ? undefined : AbortSignal.timeout(timeout)];
    const within = AbortSignal.any(limits.filter((limit) => limit !== undefined));
    try {
      for await (const event of this.follow(code, { ...rest, signal: within })) onEvent?.(event);
    } catch (failure) {
      if (!within.aborted || signal?.aborted) throw failure;
      throw new WaitTimeout(`${code} has not ended within ${timeout} ms.`);
    }
    const job = await this.job(code, signal);
    if (job.job_status !== JobStatus.SUCCESS) throw new JobEndedBadly(job);
    return job;
  }

  cancel(code: string, reason?: string): Promise<Job> {
    return this.http.json("POST", path(code, "/cancel"), { body: reason === undefined ? {} : { reason } });
  }

  /** A new job with the same request: from its "start", or from "migration" alone where the results exist. */
  rerun(code: string, from: "start" | "migration" = "start", idempotencyKey?: string): Promise<Job> {
    return this.post(path(code, "/rerun"), { from }, idempotencyKey);
  }

  upload(file: Blob, options: UploadOptions = {}): Promise<UploadedFile> {
    return upload(this.http, file, options);
  }

  points(): Promise<Points> {
    return this.http.json("GET", "/api/points");
  }

  /** The JSON of everything else. */
  request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    return this.http.json(method, path, options);
  }

  private post(path: string, body: unknown, idempotencyKey?: string, signal?: AbortSignal): Promise<Job> {
    const headers = { "Idempotency-Key": idempotencyKey ?? crypto.randomUUID() };
    return this.http.json("POST", path, { body, headers, isSafe: true, signal });
  }
}

function path(code: string, below = ""): string {
  return `/api/jobs/${encodeURIComponent(code)}${below}`;
}

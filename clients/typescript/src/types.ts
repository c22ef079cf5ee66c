/** The API's answers. What a newer API adds is there at run time too, and unknown to these types. */

/** Where a job is. The numbers are the API's. */
export const JobStatus = {
  DRAFT: 0,
  SUBMITTED: 1,
  QUEUED: 2,
  PROCESSING: 3,
  GENERATED: 4,
  MIGRATING: 5,
  SUCCESS: 6,
  FAILED: 7,
  TIMEOUT: 8,
  CANCELED: 9,
} as const;

export type JobStatusName = keyof typeof JobStatus;

const FINAL: ReadonlySet<number> = new Set([JobStatus.SUCCESS, JobStatus.FAILED, JobStatus.TIMEOUT, JobStatus.CANCELED]);

/** Whether a job of this status has ended. */
export function isFinal(status: number): boolean {
  return FINAL.has(status);
}

/** One result. `size` in bytes, `width` and `height` in pixels; `url` is signed and expires. */
export interface Output {
  index: number;
  kind: string;
  media_type: string;
  size: number;
  sha256: string;
  url: string;
  width?: number | null;
  height?: number | null;
  create_time: string;
}

/** Why a job ended badly: `code` is for programs, `message` for people. */
export interface JobError {
  code: string;
  message: string;
  stage: string;
}

/** What a job waits for: `for` is for programs (`rate_limit`, `unknown_submission`, …), `message` for people. */
export interface Waiting {
  for: string;
  since: string;
  next_at?: string | null;
  gives_up_at?: string | null;
  position?: number | null;
  ahead?: number | null;
  estimated_start?: string | null;
  message: string;
}

/** How a job compares with the last ones of its kind; times in seconds, `ended_by_now` in percent. */
export interface Estimate {
  usual_seconds: number;
  slow_seconds: number;
  ended_by_now: number;
  estimated_end?: string | null;
}

/** A job at the time of the request. Progress in percent, `cost_time` in seconds; times are RFC 3339. */
export interface Job {
  code: string;
  user_id: string;
  model_id: string;
  model_name: string;
  job_status: number;
  job_status_name: string;
  job_status_desc: string;
  overall_progress: number;
  unit_progress?: number | null;
  progress_estimated: boolean;
  estimate?: Estimate | null;
  waiting?: Waiting | null;
  output_count: number;
  outputs: Output[];
  error?: JobError | null;
  points: number;
  charged?: number | null;
  metadata: Record<string, string>;
  req_time?: string | null;
  resp_time?: string | null;
  cost_time?: number | null;
  origin?: string | null;
  actions: string[];
}

/** One event of a job's history. `seq` counts 1, 2, 3 … within the job; `kind` is status, progress or note. */
export interface JobEvent {
  seq: number;
  code: string;
  at: string;
  kind: string;
  job_status: number;
  job_status_name: string;
  job_status_desc: string;
  overall_progress: number;
  unit_progress?: number | null;
  detail: Record<string, unknown>;
}

/** An uploaded input; a job's parameter names it by its `code`. */
export interface UploadedFile {
  code: string;
  name: string;
  media_type: string;
  size: number;
}

/** The user's points of one day, in UTC. `alerted`: percent of the limit of which the user was told. */
export interface Points {
  day: string;
  limit: number;
  used: number;
  held: number;
  remaining: number;
  alerted: number;
}

/** Opens a stream by its URL: until `expires_at`, and again until `until`. */
export interface Ticket {
  ticket: string;
  expires_at: string;
  until: string;
}

/** A part of a list: `next_cursor` goes into the next request's `cursor`. */
export interface Page<T> {
  data: T[];
  has_more: boolean;
  next_cursor?: string | null;
}

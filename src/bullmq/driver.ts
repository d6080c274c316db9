import { createRequire } from "node:module";
import type { RedisClient, RedisClusterClient } from "../backends/redis/client.js";
import { PeerDependencyError } from "../errors.js";

/**
 * What is used of BullMQ. Written down here, and not imported, so that programs without the package and its types
 * compile.
 */
export interface BullMq {
  readonly Queue: new (name: string, options: BullMqOptions) => Queue;
  readonly Worker: new (
    name: string,
    processor: (job: Job, token?: string) => Promise<void>,
    options: BullMqOptions,
  ) => Worker;
  /** Thrown by a processor that has put its job back for later. */
  readonly DelayedError: new () => Error;
}

/** What queues and workers are told. */
export interface BullMqOptions {
  readonly connection: RedisClient | RedisClusterClient;
  readonly prefix: string;
  readonly [option: string]: unknown;
}

/** Puts jobs into a queue. */
export interface Queue {
  add(name: string, data: JobData, options: Record<string, unknown>): Promise<unknown>;
  getJob(id: string): Promise<Job | undefined>;
  getJobCountByTypes(...types: string[]): Promise<number>;
  /** 0 where a worker holds the job. */
  remove(id: string): Promise<number>;
  on(event: "error", listener: (error: Error) => void): unknown;
  close(): Promise<void>;
}

/** Takes jobs from a queue. */
export interface Worker {
  waitUntilReady(): Promise<void>;
  /** Takes jobs until it is closed or paused. */
  run(): Promise<void>;
  /** Takes no more jobs until it is resumed; waits for those that run, unless told not to. */
  pause(doNotWait: boolean): Promise<void>;
  resume(): Promise<void>;
  on(event: "error", listener: (error: unknown) => void): unknown;
  /** Takes no more jobs, at once, and waits for those that run. */
  close(): Promise<void>;
}

/** A job as a worker gets it. */
export interface Job {
  readonly data: JobData;
  /** How often its processor has failed. */
  readonly attemptsMade: number;
  /** Puts it back, to be taken again at that time. */
  moveToDelayed(timestamp: number, token?: string): Promise<void>;
}

/** What a job holds: no more than the reference, for the record in the store holds the rest, sealed. */
export interface JobData {
  readonly ref_id: string;
}

/**
 * Loads BullMQ when it is first needed, which takes some 100 ms.
 * @throws {PeerDependencyError} when it or ioredis is not installed.
 */
export function loadBullMq(load: (id: string) => unknown = createRequire(import.meta.url)): BullMq {
  try {
    load("ioredis");
    return load("bullmq") as BullMq;
  } catch (error) {
    if ((error as { code?: unknown }).code !== "MODULE_NOT_FOUND") throw error;
    throw new PeerDependencyError(
      "A queue of tasks needs bullmq and ioredis. Run: npm install bullmq ioredis",
    );
  }
}

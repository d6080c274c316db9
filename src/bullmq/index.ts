export type { TaskPerformer } from "./delivery.js";
export type { QueueOptions, QueueServerOptions } from "./options.js";
export { BullMqRunner, type BullMqRunnerOptions } from "./runner.js";
export { TaskWorker, type TaskWorkerOptions, type WorkerCloseOptions } from "./worker.js";

import { startRedis } from "../../tests/helpers/redis-server.js";
import { connectAnalyser } from "./connect.js";
import { explanation, printStep, printTitle } from "./print.js";
import { walk } from "./walk.js";
import { startWorker } from "./worker-process.js";

/** Of the real lengths of time; another may be given. */
const pace = Number(process.argv[2] ?? 0.3);

process.once("SIGINT", () => process.exit(130));
process.stdout.once("error", () => process.exit(1)); // nobody reads on, as with `| head`

const redis = await startRedis();
const env = { REDIS_URL: redis.url };
const args = ["--pace", `${pace}`, "--lease", "1000", "--flaky"];
const workers = [await startWorker(args, env)];
const connect = () => connectAnalyser([...args, "--workers"], env);
const servers = await Promise.all([connect(), connect()]);
try {
  printTitle(
    "Tools that take minutes: two servers and a worker on one Redis, the worker runs the tasks",
    explanation(pace),
  );
  const strike = async () => {
    await workers[0]?.kill();
    workers.push(await startWorker(args, env));
  };
  const [first, second] = servers;
  const site = { first: first.client, second: second.client, pause: 1000, strike };
  for await (const step of walk({ ...site, mishap: "the worker is killed, and another started" }))
    printStep(step);
} finally {
  await Promise.all(servers.map(({ client }) => client.close()));
  await Promise.all(workers.map((worker) => worker.stop()));
  await redis.stop();
}

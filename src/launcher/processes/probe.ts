// Finds out, in a throw-away process, which engine can be had. A native library that aborts takes only that process
// down; `--device auto` then asks engine by engine, and the ones that abort are skipped like any other.
import { RunError, UsageError } from "../../core/errors.js";
import type { OptionRows } from "../../core/options/row.js";
import { type Device, ENGINES, type EngineName } from "../../core/options/table.js";
import type { EngineChoice, FromWorker } from "../../core/protocol.js";
import { factsOf } from "../../engine/engines.js";
import { rowsAmong } from "./describe.js";
import { answerOf, type InquiryIo, inquire } from "./inquiry.js";
import { probeEnv } from "./worker-env.js";

export interface ProbeQuestion {
  readonly device: Device;
  /** Null for one per GPU. */
  readonly workers: number | null;
  /** Absolute path of a recipe that is to be described as well, or null. */
  readonly recipe: string | null;
}

export interface Probed {
  readonly choice: EngineChoice;
  /** GPUs that this machine lets us use. */
  readonly gpus: number;
  /** The options that the recipe declares; null when it declares none, or was not asked about. */
  readonly recipeOptions: OptionRows | null;
}

/** A probe's answer, or why there is none. */
type Answer =
  | ({ readonly type: "probed" } & Probed)
  | Extract<FromWorker, { type: "probe-failed" }>
  | { readonly type: "died"; readonly reason: string };

/**
 * Resolves the device to an engine, and asks the recipe for its options.
 * @throws UsageError when a device asked for by name cannot be had, or the recipe does not load; Interrupted.
 */
export async function probe(question: ProbeQuestion, io: InquiryIo): Promise<Probed> {
  const { device } = question;
  const answer = await ask(question, io);
  if (answer.type === "probed") return answer;
  if (answer.type === "died" && device === "auto") return probeOneByOne(question, io);
  if (answer.type === "died") {
    throw new UsageError(`--device ${device}: ${answer.reason}; use --device auto to train on what there is`);
  }
  if (answer.error.usage) throw new UsageError(answer.error.message);
  throw new RunError(`the probe of the compute engines failed: ${answer.error.stack}`);
}

async function probeOneByOne(question: ProbeQuestion, io: InquiryIo): Promise<Probed> {
  const skipped: { engine: EngineName; reason: string }[] = [];
  for (const engine of ENGINES) {
    const answer = await ask({ ...question, device: engine }, io);
    if (answer.type === "probed") return { ...answer, choice: { ...answer.choice, skipped } };
    skipped.push({
      engine,
      reason: answer.type === "died" ? answer.reason : bareReason(answer.error.message),
    });
  }
  const reasons = skipped.map(({ engine, reason }) => `${engine}: ${reason}`);
  throw new RunError(`no compute engine works on this machine; ${reasons.join("; ")}`);
}

/** A refusal of one device, without the words meant for someone who had typed that device. */
function bareReason(message: string): string {
  return message.replace(/^--device \w+: /, "").replace(/; use --device .*$/, "");
}

async function ask(question: ProbeQuestion, io: InquiryIo): Promise<Answer> {
  const { device, workers, recipe } = question;
  const last =
    recipe === null ? ["probed", "probe-failed"] : ["described", "describe-failed", "probe-failed"];
  const found = await inquire(
    {
      question: { type: "probe", device, workers, recipe },
      childEnv: probeEnv(io.env, device),
      isLast: ({ type }) => last.includes(type),
      ...(device === "auto" ? {} : { deaths: factsOf(device).deaths }),
    },
    io,
  );
  const probed = answerOf(found.answers, "probed");
  if (probed !== undefined) {
    return { ...probed, recipeOptions: recipe === null ? null : rowsAmong(found, recipe) };
  }
  return (
    answerOf(found.answers, "probe-failed") ?? { type: "died", reason: found.death ?? "it said nothing" }
  );
}

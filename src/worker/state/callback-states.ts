// What callbacks keep for a resumed run: the same on all ranks, so that rank 0's is enough, or each rank's own.
import { encodeSafetensors, parseSafetensors } from "../../checkpoint/safetensors.js";
import type { Callback } from "../../core/callback.js";
import { UsageError } from "../../core/errors.js";
import type { ProcessGroup } from "../../core/process-group.js";
import type { CallbackState, Json, StateDict, TensorStates } from "../../core/state.js";

type Callbacks = Readonly<Record<string, Callback>>;

/** The states of all callbacks that have one, on rank 0; every rank must call it. */
export async function gatherCallbackStates(
  group: ProcessGroup,
  callbacks: Callbacks,
): Promise<Record<string, CallbackState>> {
  const own = await statesOf(callbacks, "rank");
  const ofRanks = (await group.allGather(encode(own))).map(decode);
  if (group.rank !== 0) return {};
  const gathered: Record<string, CallbackState> = {};
  for (const [name, { isJson, state }] of Object.entries(await statesOf(callbacks, "shared"))) {
    gathered[name] = { scope: "shared", isJson, states: [state] };
  }
  for (const name of new Set(ofRanks.flatMap((states) => Object.keys(states)))) {
    const states = ofRanks.map((each) => each[name]?.state ?? { json: null, tensors: {} });
    gathered[name] = { scope: "rank", isJson: ofRanks.some((each) => each[name]?.isJson), states };
  }
  return gathered;
}

/** Gives callbacks back what they kept. */
export async function restoreCallbackStates(
  rank: number,
  callbacks: Callbacks,
  kept: Readonly<Record<string, CallbackState>>,
): Promise<void> {
  for (const [name, callback] of Object.entries(callbacks)) {
    if (!Object.hasOwn(kept, name)) continue;
    const { scope, isJson, states } = kept[name];
    const state = states[scope === "rank" ? rank : 0];
    if (state === undefined) {
      throw new UsageError(
        `callback "${name}" keeps a state of each rank, and the checkpoint has those of ${states.length}: ` +
          `resume with --workers ${states.length}`,
      );
    }
    await callback.loadStateDict?.(isJson ? state.json : state);
  }
}

interface OwnState {
  readonly isJson: boolean;
  readonly state: StateDict;
}

async function statesOf(
  callbacks: Callbacks,
  scope: CallbackState["scope"],
): Promise<Record<string, OwnState>> {
  const states: Record<string, OwnState> = {};
  for (const [name, callback] of Object.entries(callbacks)) {
    if ((callback.stateScope ?? "shared") !== scope || !callback.stateDict) continue;
    const state = await callback.stateDict();
    states[name] = isStateDict(state)
      ? { isJson: false, state }
      : { isJson: true, state: { json: state, tensors: {} } };
  }
  return states;
}

function isStateDict(state: Json | StateDict): state is StateDict {
  if (typeof state !== "object" || state === null) return false;
  return Object.keys(state).sort().join() === "json,tensors";
}

/** One rank's states on their way: tensors are numbered by callback, since a name may hold anything. */
function encode(states: Record<string, OwnState>): Uint8Array {
  const tensors: Record<string, TensorStates[string]> = {};
  Object.values(states).forEach(({ state }, i) => {
    for (const [name, tensor] of Object.entries(state.tensors)) tensors[`${i}/${name}`] = tensor;
  });
  const texts = Object.entries(states).map(([name, { isJson, state }]) => [name, isJson, state.json]);
  return Buffer.concat(encodeSafetensors(tensors, { states: JSON.stringify(texts) }));
}

function decode(bytes: Uint8Array): Record<string, OwnState> {
  const { tensors, metadata } = parseSafetensors(bytes, "another rank's state");
  const texts = JSON.parse(metadata.states) as [name: string, isJson: boolean, json: Json][];
  return Object.fromEntries(
    texts.map(([name, isJson, json], i) => {
      const own = Object.entries(tensors).filter(([key]) => key.startsWith(`${i}/`));
      const named = own.map(([key, tensor]) => [key.slice(key.indexOf("/") + 1), tensor]);
      return [name, { isJson, state: { json, tensors: Object.fromEntries(named) } }];
    }),
  );
}

// Differentiates a loss that may take its time. tfjs records operations within one synchronous function; where the
// function returns a promise, the recording goes on until it resolves.
import type { Scalar, Tensor, Variable } from "@tensorflow/tfjs-core";
import { tf } from "./tf.js";

/** An operation as it was recorded, with the tensors that its gradient needs. */
interface TapeNode {
  readonly saved: readonly Tensor[];
}

/** The part of tfjs's engine that is used here; most of it is not in its type declarations. */
interface Recorder {
  readonly state: { activeTape: TapeNode[] | null };
  startTape(): void;
  endTape(): void;
  startScope(name: string): void;
  endScope(result?: Tensor): void;
}

/**
 * Gradients of the loss that `forward` returns, or promises, by the variables' names; a variable that the loss does
 * not reach has none. All that `forward` made is disposed of, but for the loss and what it told tfjs to keep.
 */
export function gradientsOf(
  forward: () => Scalar | Promise<Scalar>,
  variables: Variable[],
): Record<string, Tensor> | Promise<Record<string, Tensor>> {
  const recorder = tf.engine() as unknown as Recorder;
  recorder.startScope("forward");
  recorder.startTape();
  let loss: Scalar | Promise<Scalar>;
  try {
    loss = forward();
  } catch (error) {
    throw abandon(recorder, error);
  }
  if (!(loss instanceof Promise)) return backward(recorder, loss, variables);
  return loss.then(
    (value) => backward(recorder, value, variables),
    (error) => {
      throw abandon(recorder, error);
    },
  );
}

function backward(recorder: Recorder, loss: Scalar, variables: Variable[]): Record<string, Tensor> {
  const { state } = recorder;
  const tape = state.activeTape;
  recorder.endTape();
  recorder.endScope(loss);
  // tfjs begins an empty tape for a function that is differentiated, and disposes of the tape in the end.
  const replay = () => {
    state.activeTape = tape;
    return loss;
  };
  return tf.variableGrads(replay, variables).grads;
}

/** Closes a recording that broke off. */
function abandon(recorder: Recorder, error: unknown): unknown {
  const { state } = recorder;
  for (const { saved } of state.activeTape ?? []) for (const tensor of saved) tensor.dispose();
  state.activeTape = null;
  recorder.endTape();
  recorder.endScope();
  return error;
}

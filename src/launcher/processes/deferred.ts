// A promise that is settled from outside: Promise.withResolvers, which Node 20 lacks.

export interface Deferred<T> {
  readonly promise: Promise<T>;
  /** Resolves the promise; calls after the first do nothing. */
  resolve(value: T): void;
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

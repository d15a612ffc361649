// What can happen in a modelled world.

/** Something that a rank waits for, and that can happen. */
export interface Source {
  readonly name: string;
  readonly isReady: boolean;
  /** How often it has happened. */
  readonly count: number;
  /** Lets it happen; throws what is wrong with it. */
  fire(): void;
}

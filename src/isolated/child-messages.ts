/** One piece of work for a child process: which module of the build does it, with what. */
export interface Order {
  readonly kind: 'order';
  /** The URL of a module that exports `work(content, given)`. */
  readonly module: string;
  readonly given: unknown;
  /** Bytes of the content. */
  readonly size: number;
  /** Bytes of memory that the process may take. */
  readonly mostMemory: number;
}

/** What the parent tells a child: work, or the bytes that it asked for. */
export type ToChild =
  | Order
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'unreadable'; readonly message: string };

/** What a child tells its parent. */
export type FromChild =
  | { readonly kind: 'read'; readonly start: number; readonly end: number }
  | { readonly kind: 'done'; readonly result: unknown }
  | {
      readonly kind: 'failed';
      readonly code: string | null;
      readonly message: string;
      readonly cause: string | null;
    }
  | { readonly kind: 'too-large' };

/** A content as the work in a child sees it: any part of it, whenever it asks. */
export interface RemoteContent {
  /** Bytes. */
  readonly size: number;
  /** The bytes from `start` to `end`, both inclusive, cut to the content’s end. */
  read(start: number, end: number): Promise<Buffer>;
  /** All bytes; PAYLOAD_TOO_LARGE where there are more than `most`. */
  whole(most: number): Promise<Buffer>;
}

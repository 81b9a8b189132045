/** A bucket or container of its own on a running server of one provider, empty at first. */
export interface Backend {
  /** The provider's name: `aws`, `gcp`, `azure`. */
  readonly provider: string;
  /** The variables by which a service uses it, STORAGE_PROVIDER not among them. */
  readonly env: Readonly<Record<string, string>>;
  /** The origin that the variables name, such as `http://127.0.0.1:41234`. */
  readonly origin: string;
  /** The same variables with credentials that the server does not know. */
  readonly foreign: Readonly<Record<string, string>>;
  /** The same variables, with another server in place of this one. */
  at(origin: string): Readonly<Record<string, string>>;
}

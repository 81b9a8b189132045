import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, verify } from 'node:crypto';

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const GOOGLE = 'https://oauth2.googleapis.com/token';
const AN_HOUR = 3_600;
const SKEW = 300;

/** The file that Google gives out for the key of a service account. */
export interface KeyFile {
  type: 'service_account';
  project_id: string;
  private_key_id: string;
  private_key: string;
  client_email: string;
  client_id: string;
  token_uri: string;
}

/** A refusal of the OAuth token endpoint (RFC 6749 section 5.2). */
export class GrantRefusal extends Error {
  readonly code: string;

  constructor(code: string, description: string) {
    super(description);
    this.code = code;
  }
}

/** Makes a service account with a new key. */
export function newAccount(name: string, projectId: string, tokenUri: string): KeyFile {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    type: 'service_account',
    project_id: projectId,
    private_key_id: randomBytes(20).toString('hex'),
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    client_email: `${name}@${projectId}.iam.gserviceaccount.com`,
    client_id: '100000000000000000001',
    token_uri: tokenUri,
  };
}

/** The service accounts that the server knows, and the tokens that it gave them. */
export class Accounts {
  readonly #keys = new Map<string, KeyObject>();
  readonly #tokens = new Map<string, number>();
  readonly #audiences: string[];

  constructor(tokenUri: string) {
    this.#audiences = [tokenUri, GOOGLE];
  }

  /** Lets the owner of this key in. */
  add({ client_email, private_key }: KeyFile): void {
    this.#keys.set(client_email, createPublicKey(private_key));
  }

  /** Whether this is the account’s signature, RSASSA-PKCS1-v1_5 with SHA-256, of these words. */
  signed(email: string, words: string, signature: Buffer): boolean {
    const key = this.#keys.get(email);
    return key !== undefined && verify('RSA-SHA256', Buffer.from(words), key, signature);
  }

  /** Exchanges a signed assertion (RFC 7523) for a token that lives an hour. */
  grant(form: URLSearchParams): object {
    if (form.get('grant_type') !== GRANT) {
      throw new GrantRefusal('unsupported_grant_type', `Invalid grant_type: ${form.get('grant_type')}`);
    }
    const [head = '', body = '', signature = ''] = (form.get('assertion') ?? '').split('.');
    const [header, claims] = [decoded(head), decoded(body)];
    if (header?.alg !== 'RS256' || typeof claims?.iss !== 'string') {
      throw new GrantRefusal('invalid_grant', 'Bad Request');
    }
    if (!this.#keys.has(claims.iss))
      throw new GrantRefusal('invalid_grant', 'Invalid grant: account not found');
    if (!this.signed(claims.iss, `${head}.${body}`, Buffer.from(signature, 'base64url'))) {
      throw new GrantRefusal('invalid_grant', 'Invalid JWT Signature.');
    }
    this.#requireTimely(claims);
    if (!claims.scope) throw new GrantRefusal('invalid_scope', 'Empty or missing scope not allowed.');
    const token = `ya29.${randomBytes(24).toString('base64url')}`;
    this.#tokens.set(token, Date.now() + AN_HOUR * 1_000);
    return { access_token: token, expires_in: AN_HOUR - 1, token_type: 'Bearer' };
  }

  /** Whether the header carries a token that was given out and still lives. */
  knows(authorization = ''): boolean {
    const token = /^Bearer (\S+)$/i.exec(authorization)?.[1] ?? '';
    return (this.#tokens.get(token) ?? 0) > Date.now();
  }

  #requireTimely({ aud, iat, exp }: Record<string, unknown>): void {
    const now = Date.now() / 1_000;
    const audience = typeof aud === 'string' && this.#audiences.includes(aud);
    const [from, until] = [Number(iat), Number(exp)];
    const timely = from <= now + SKEW && until > now - SKEW && until - from <= AN_HOUR && until > from;
    if (!audience) throw new GrantRefusal('invalid_grant', 'Invalid JWT: Failed audience check.');
    if (!timely) {
      throw new GrantRefusal(
        'invalid_grant',
        'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.',
      );
    }
  }
}

function decoded(part: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString());
  } catch {
    return undefined;
  }
}

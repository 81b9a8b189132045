import { Client } from './client.mjs';

const PASSWORD = 'correct horse battery';
const OPENED = 'accessToken refreshToken user { id }';

/** An honest account: its tokens, and what it holds as it knows itself. */
export class Account {
  /** @type {{ id: string, content: object, name: string }[]} */
  files = [];
  password = PASSWORD;

  constructor(origin, name, tally, address) {
    this.client = new Client(origin, address);
    this.name = name;
    this.tally = tally;
  }

  /** Runs an operation that must succeed; null where it did not, which is a fault. */
  async must(kind, query, variables, token = this.token) {
    const answer = await this.client.ask(query, variables, token);
    return this.noted(kind, answer);
  }

  noted(kind, answer) {
    this.tally.note(kind, answer.outcome, ['ok'], JSON.stringify(answer.json ?? answer.status));
    return answer.outcome === 'ok' ? answer.data : null;
  }

  async register() {
    const input = { username: this.name, email: `${this.name}@example.org`, password: this.password };
    const query = `mutation ($input: RegisterInput!) { register(input: $input) { ${OPENED} } }`;
    this.hold((await this.must('register', query, { input }, null))?.register);
  }

  async login() {
    const input = { emailOrUsername: this.name, password: this.password };
    const query = `mutation ($input: LoginInput!) { login(input: $input) { ${OPENED} } }`;
    return (await this.must('login', query, { input }, null))?.login;
  }

  async refresh() {
    const query = `mutation ($token: String!) { refreshToken(refreshToken: $token) { ${OPENED} } }`;
    this.hold((await this.must('refresh', query, { token: this.refreshToken }, null))?.refreshToken);
  }

  hold(opened) {
    if (!opened) return;
    this.token = opened.accessToken;
    this.refreshToken = opened.refreshToken;
    this.id = opened.user.id;
  }

  get heldBytes() {
    return this.files.reduce((sum, { content }) => sum + content.size, 0);
  }
}

/** HTTP requests as a user's browser makes them, each on a connection of its own. */
import { get } from 'node:http';

/** The body of a 200; rejects on anything else. */
export function fetchText(url: string, timeoutMs = 3000): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: timeoutMs }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${url} answers ${String(response.statusCode)}`));
      });
    });
    request.on('timeout', () => request.destroy(new Error(`${url} does not answer`)));
    request.on('error', reject);
  });
}

/** Asks so often and returns how many answers of each kind there were. */
export async function countAnswers(url: string, times: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let index = 0; index < times; index += 1) {
    const answer = (await fetchText(url)).trim();
    counts.set(answer, (counts.get(answer) ?? 0) + 1);
  }
  return counts;
}

/** Requests one after the other until it is stopped; says how many failed, and why. */
export class Traffic {
  #stopped = false;
  #answered = 0;
  readonly #failures: string[] = [];
  readonly #done: Promise<void>;

  constructor(url: string) {
    this.#done = this.#run(url);
  }

  async stop(): Promise<{ readonly answered: number; readonly failures: readonly string[] }> {
    this.#stopped = true;
    await this.#done;
    return { answered: this.#answered, failures: this.#failures };
  }

  async #run(url: string): Promise<void> {
    while (!this.#stopped) {
      try {
        await fetchText(url);
        this.#answered += 1;
      } catch (error) {
        this.#failures.push(error instanceof Error ? error.message : String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

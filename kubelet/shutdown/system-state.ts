/** Whether the machine is going down, as systemd tells it. */
import { execFile } from 'node:child_process';

/** False where there is no systemd: nobody else tells a program why it is stopped. Never rejects. */
export function isMachineGoingDown(): Promise<boolean> {
  return new Promise((resolve) => {
    // It exits with an error for every state but `running`: only what it prints counts.
    execFile('systemctl', ['is-system-running'], { timeout: 5000 }, (_error, stdout) => {
      resolve(stdout.trim() === 'stopping');
    });
  });
}

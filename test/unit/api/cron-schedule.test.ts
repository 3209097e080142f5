import t from 'tap';
import { cronScheduleProblem, parseCronSchedule } from '../../../api/cron-schedule.js';

void t.test('what the fields mean', (t) => {
  const schedule = parseCronSchedule('*/20 1-3,5 ? jan-mar/2 MON-fri');
  t.strictSame([...schedule.minutes], [0, 20, 40]);
  t.strictSame([...schedule.hours], [1, 2, 3, 5]);
  t.equal(schedule.daysOfMonth.size, 31);
  t.strictSame([...schedule.months], [1, 3]);
  t.strictSame([...schedule.daysOfWeek], [1, 2, 3, 4, 5]);
  t.equal(schedule.anyDayOfMonth, true);
  t.equal(schedule.anyDayOfWeek, false);
  t.strictSame(
    [...parseCronSchedule('55/2 * * * *').minutes],
    [55, 57, 59],
    'a start with a step goes on to the end',
  );
  t.strictSame([...parseCronSchedule('@weekly').daysOfWeek], [0]);
  t.end();
});

void t.test('what is no schedule', (t) => {
  const cases: Readonly<Record<string, string>> = {
    '* * * *': 'expected exactly 5 fields, found 4: [* * * *]',
    '@often': 'unrecognized descriptor: @often',
    '60 * * * *': 'end of range (60) above maximum (59): 60',
    '* * 0 * *': 'beginning of range (0) below minimum (1): 0',
    '5-1 * * * *': 'beginning of range (5) beyond end of range (1): 5-1',
    '*/0 * * * *': 'step of range should be a positive number: */0',
    '1/2/3 * * * *': 'too many slashes: 1/2/3',
    '1-2-3 * * * *': 'too many hyphens: 1-2-3',
    'x * * * *': 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax',
  };
  for (const [text, problem] of Object.entries(cases)) t.equal(cronScheduleProblem(text), problem, text);
  t.equal(cronScheduleProblem('0 0 * * 7'), 'end of range (7) above maximum (6): 7');
  t.end();
});

import classes from './Kbd.module.css';

const names: Record<string, string> = { Escape: 'Esc', Enter: '↵', ArrowDown: '↓', ArrowUp: '↑' };

/** "g p" -> two keys. */
export function Kbd({ keys }: { keys: string }) {
  return (
    <span className={classes.keys}>
      {keys.split(' ').map((key) => (
        <kbd key={key} className={classes.key}>
          {names[key] ?? key}
        </kbd>
      ))}
    </span>
  );
}

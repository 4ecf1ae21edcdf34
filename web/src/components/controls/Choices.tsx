import { Link, useLocation } from 'react-router';
import classes from './controls.module.css';

/**
 * One of a few, as links: the URL carries it.  `name` is the query parameter;
 * the value "" takes it away.
 */
export function Choices({ label, name, value, options }: {
  label: string;
  name: string;
  value: string;
  options: { value: string; name: string }[];
}) {
  const { search, pathname } = useLocation();
  const to = (one: string) => {
    const next = new URLSearchParams(search);

    if (one === '') next.delete(name);
    else next.set(name, one);
    return `${pathname}?${next.toString()}`;
  };

  return (
    <nav className={classes.choices} aria-label={label}>
      {options.map((one) => (
        <Link
          key={one.value} to={to(one.value)} className={classes.choice} replace preventScrollReset
          aria-current={one.value === value ? 'true' : undefined}
        >
          {one.name}
        </Link>
      ))}
    </nav>
  );
}

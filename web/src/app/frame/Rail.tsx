import { NavLink } from 'react-router';
import { usePages } from './pages';
import classes from './Rail.module.css';

/** At the left; icons on a small screen; a bar at the bottom of a phone. */
export function Rail() {
  return (
    <nav className={classes.rail} aria-label="Pages">
      <div className={classes.name}>sheaf</div>
      <ul className={classes.list}>
        {usePages().map(({ to, name, short, icon: Icon, keys }) => (
          <li key={to}>
            <NavLink to={to} end={to === '/'} className={classes.link} title={`${name} (${keys})`}>
              <Icon />
              <span className={classes.long}>{name}</span>
              <span className={classes.short}>{short}</span>
            </NavLink>
          </li>
        ))}
      </ul>
    </nav>
  );
}

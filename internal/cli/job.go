package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/admin"
	"github.com/oisproject/ois/internal/job"
)

func (a *app) jobCommand() *cobra.Command {
	return group("job", "Run what the server does by the clock",
		`A job is work that the server does again and again: "lifecycle" once a day, "logging" after each
hour. It may be run at once, also as if it were another time.

The commands ask the server that runs on the data directory, or open it themselves.`,
		a.jobListCommand(), a.jobRunCommand())
}

func (a *app) jobListCommand() *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show the jobs, when they ran last and when they run next",
		Long: `Show the jobs, when they ran last, what that run has done or why it failed, and when
they run next. Runs that somebody has asked for as of another time do not count.`,
		Example: "  ois job list --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), data, func(s admin.Service) error {
				jobs, err := s.Jobs(cmd.Context())
				if err != nil {
					return err
				}
				return a.printJobs(jobs, asJSON)
			})
		},
	}
	dataFlag(cmd, &data)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (a *app) printJobs(jobs []job.Status, asJSON bool) error {
	rows := [][]string{{"JOB", "LAST RUN", "TOOK", "NEXT RUN", "RESULT"}}
	for i := range jobs {
		j := &jobs[i]
		if asJSON {
			if err := printJSON(a.Stdout, j); err != nil {
				return err
			}
			continue
		}
		last, took, next := "never", "-", "with a server"
		if !j.Begun.IsZero() {
			last, took = moment(j.Begun), j.Ended.Sub(j.Begun).Round(time.Millisecond).String()
		}
		if j.Next.After(time.Now()) {
			next = moment(j.Next)
		}
		if j.Running {
			next = "now"
		}
		rows = append(rows, []string{j.Job, last, took, next, outcome(j)})
	}
	if asJSON {
		return nil
	}
	return printTable(a.Stdout, rows)
}

// outcome says in a line what the last run of a job came to.
func outcome(j *job.Status) string {
	if j.Error != "" {
		return "failed: " + strings.ReplaceAll(j.Error, "\n", "; ")
	}
	var parts []string
	for _, c := range j.Counts {
		parts = append(parts, fmt.Sprintf("%s %d", c.Name, c.N))
	}
	return cmp.Or(strings.Join(parts, ", "), "-")
}

func (a *app) jobRunCommand() *cobra.Command {
	var data, asOf string
	var asJSON bool
	var t job.Task
	cmd := &cobra.Command{
		Use:   "run JOB",
		Short: "Run a job now",
		Long: `Run a job now, and print what it has done.

lifecycle deletes and moves objects, and aborts uploads, as the rules of their buckets say. A rule
has effect a day after it was set. logging delivers the access logs of the hours that are over.

With --as-of the job does what it would do at that time: with a time to come it deletes earlier
what is to be deleted then. So see with --dry-run first, which changes nothing. A time that has
passed makes it do less.

The exit status is 0 if all went well, and 1 if something did not; the rest was done.`,
		Example: `  ois job run lifecycle --dry-run --as-of 2027-01-31
  ois job run logging --data /srv/ois`,
		Args: oneArg("JOB"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if t.AsOf, err = parseTime(asOf); err != nil {
				return err
			}
			return a.with(cmd.Context(), data, func(s admin.Service) error {
				r, err := s.RunJob(cmd.Context(), args[0], t)
				if err != nil {
					return err
				}
				return a.printJobReport(r, asJSON)
			})
		},
		ValidArgs: []string{"lifecycle", "logging"},
	}
	dataFlag(cmd, &data)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().StringVar(&asOf, "as-of", "", "`TIME` that counts instead of now, such as 2027-01-31 (midnight UTC) or 2027-01-31T08:00:00+08:00")
	cmd.Flags().BoolVar(&t.DryRun, "dry-run", false, "only print what would be done")
	return cmd
}

// parseTime reads the value of --as-of; empty is the zero time.
func parseTime(text string) (t time.Time, err error) {
	if text == "" {
		return t, nil
	}
	if t, err = time.Parse(time.DateOnly, text); err != nil {
		t, err = time.Parse(time.RFC3339, text)
	}
	if err != nil {
		return t, usagef("--as-of %q is not a time: want a date such as 2027-01-31, or a time such as 2027-01-31T08:00:00Z", text)
	}
	return t, nil
}

// printJobReport prints what a run has done; that something went wrong is an error.
func (a *app) printJobReport(r *job.Report, asJSON bool) error {
	if asJSON {
		if err := printJSON(a.Stdout, r); err != nil {
			return err
		}
	} else if err := a.printJobResult(r); err != nil {
		return err
	}
	if r.Error != "" {
		return fmt.Errorf("job %s: %w", r.Job, errors.New(r.Error))
	}
	return nil
}

func (a *app) printJobResult(r *job.Report) error {
	for _, note := range r.Notes {
		if _, err := fmt.Fprintln(a.Stdout, note); err != nil {
			return err
		}
	}
	if r.Omitted > 0 {
		if _, err := fmt.Fprintf(a.Stdout, "and %d more\n", r.Omitted); err != nil {
			return err
		}
	}
	how := "as of " + moment(r.AsOf)
	if r.DryRun {
		how += ", dry run: nothing was changed"
	}
	rows := [][]string{{r.Job, how}}
	for _, c := range r.Counts {
		rows = append(rows, []string{c.Name, strconv.FormatInt(c.N, 10)})
	}
	return printTable(a.Stdout, rows)
}

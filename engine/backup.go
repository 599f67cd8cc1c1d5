package engine

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/storage"
	"streamdb/types"
	"streamdb/vec"
	"streamdb/wire"
)

var backupColumns = []wire.Column{
	{Name: "epoch", Type: types.Of(types.Int8)},
	{Name: "files", Type: types.Of(types.Int8)},
	{Name: "bytes", Type: types.Of(types.Int8)},
	{Name: "milliseconds", Type: types.Of(types.Float8)}, // all of it
	{Name: "held", Type: types.Of(types.Float8)},         // milliseconds in which no epoch could be committed
}

// analyseBackup is BACKUP TO 'directory': all of the database as it is at one
// epoch, which holds all that was acknowledged before the statement began.
func (s *Session) analyseBackup(p *Prepared, st *ast.Backup) error {
	p.cols = backupColumns
	p.action = func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		if s.txn != nil && s.txn.explicit {
			return nil, sqlerr.New(sqlerr.ActiveSQLTransaction, "BACKUP cannot run inside a transaction block")
		}
		if s.txn != nil {
			if err := s.commitTxn(ctx); err != nil {
				return nil, err
			}
		}
		if err := s.db.backupTarget(st.Directory); err != nil {
			return nil, err
		}
		ctx, cancel := s.withTimeout(ctx)
		defer cancel()
		began := time.Now()
		info, err := s.db.store.Backup(ctx, st.Directory)
		if err != nil {
			if ctx.Err() != nil {
				err = cancelled(context.Cause(ctx))
			}
			return nil, err
		}
		took := time.Since(began)
		s.db.log.Info("backup is finished", "dir", st.Directory, "epoch", info.Epoch, "files", info.Files, "bytes", info.Bytes,
			"held", info.Held, "took", took)
		bs := []*vec.Builder{vec.NewBuilder(types.LInt64, 1), vec.NewBuilder(types.LInt64, 1), vec.NewBuilder(types.LInt64, 1),
			vec.NewBuilder(types.LFloat64, 1), vec.NewBuilder(types.LFloat64, 1)}
		bs[0].AppendInt(int64(info.Epoch))
		bs[1].AppendInt(int64(info.Files))
		bs[2].AppendInt(info.Bytes)
		bs[3].AppendFloat(ms(took))
		bs[4].AppendFloat(ms(info.Held))
		return builtRows(backupColumns, bs, 1, "BACKUP"), nil
	}
	return nil
}

// backupTarget refuses directories that a backup must not go to, in Postgres's
// words for COPY .. TO 'file'.
func (db *DB) backupTarget(dir string) error {
	if !filepath.IsAbs(dir) {
		return sqlerr.New(sqlerr.InvalidName, "relative path not allowed for BACKUP to directory")
	}
	own, err := filepath.Abs(db.opts.DataDir)
	if err != nil {
		return nil // the store tells what it cannot do
	}
	rel, err := filepath.Rel(own, filepath.Clean(dir))
	if err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return sqlerr.New(sqlerr.InvalidParameterValue, "directory \"%s\" is in the data directory", dir)
	}
	return nil
}

// RestoreDir makes a data directory of a backup, verifies it, and says on out
// what it holds. Errors are those of storage.Restore, and XX001 where the catalog
// cannot be read.
func RestoreDir(ctx context.Context, from, to string, out io.Writer) error {
	info, err := storage.Restore(ctx, nil, from, to)
	if err != nil {
		return err
	}
	store, err := storage.OpenReadOnly(storage.Options{Dir: to, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer store.Close()
	meta, err := loadMeta(store)
	if err != nil {
		return err
	}
	d := &dirCheck{out: out}
	d.say("restored epoch %d of %s: %d objects, %d files of %.1f MB, every block as it was written", info.Epoch,
		info.Time.UTC().Format(time.RFC3339), len(meta.catalog.Objects()), info.Files, float64(info.Bytes)/1e6)
	return nil
}

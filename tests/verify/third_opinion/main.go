// main.go - a third opinion: the Go checksum database's own packages look at our checkpoints, tiles
// and proofs. Unmodified, from Debian's golang-golang-x-mod-dev; no module is downloaded.
//
//	third VKEY TILES [EARLIER-TILES]    every entry of the tree, and that it continues the earlier one
//	third VKEY PROOF.tlog-proof         one entry
//	third make DIR NAME N               a log of its own: N entries of a kind that we do not know, as
//	                                    tiles with a checkpoint, and proofs; prints its key
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func fail(format string, args ...interface{}) {
	fmt.Printf("refused: "+format+"\n", args...)
	os.Exit(1)
}

func open(vkey string, data []byte) tlog.Tree {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		fail("key: %v", err)
	}
	n, err := note.Open(data, note.VerifierList(v))
	if err != nil {
		fail("checkpoint: %v", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != v.Name() {
		fail("checkpoint text %q", n.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		fail("size: %v", err)
	}
	hash, err := tlog.ParseHash(lines[2])
	if err != nil {
		fail("root: %v", err)
	}
	return tlog.Tree{N: size, Hash: hash}
}

// tiles reads tile/L/NNN of the C2SP layout; the package asks for tile/8/L/NNN.
type tiles string

func (tiles) Height() int { return 8 }

func (t tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, w := range want {
		data, err := os.ReadFile(filepath.Join(string(t), strings.Replace(w.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			// A fuller tile begins with the hashes of a partial one.
			full := w
			full.W = 1 << 8
			more, err2 := os.ReadFile(filepath.Join(string(t),
				strings.Replace(full.Path(), "tile/8/", "tile/", 1)))
			if err2 != nil {
				return nil, err
			}
			data = more[:w.W*tlog.HashSize]
		}
		out = append(out, data)
	}
	return out, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func entries(dir string, size int64) [][]byte {
	var out [][]byte
	for n := int64(0); n*256 < size; n++ {
		name := fmt.Sprintf("%03d", n)
		if size-n*256 < 256 {
			name += fmt.Sprintf(".p/%d", size-n*256)
		}
		data, err := os.ReadFile(filepath.Join(dir, "tile", "entries", name))
		if err != nil {
			fail("%v", err)
		}
		for len(data) > 0 {
			end := 2 + int(data[0])<<8 + int(data[1])
			out = append(out, data[2:end])
			data = data[end:]
		}
	}
	return out
}

func readAll(path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		fail("%v", err)
	}
	return data
}

func checkTiles(vkey, dir, earlier string) {
	tree := open(vkey, readAll(filepath.Join(dir, "checkpoint")))
	reader := tlog.TileHashReader(tree, tiles(dir))
	list := entries(dir, tree.N)
	if int64(len(list)) != tree.N {
		fail("%d entries of %d", len(list), tree.N)
	}
	for i, text := range list {
		proof, err := tlog.ProveRecord(tree.N, int64(i), reader)
		if err != nil {
			fail("entry %d: %v", i, err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, int64(i), tlog.RecordHash(text)); err != nil {
			fail("entry %d: %v", i, err)
		}
	}
	if earlier != "" {
		old := open(vkey, readAll(filepath.Join(earlier, "checkpoint")))
		proof, err := tlog.ProveTree(tree.N, old.N, reader)
		if err != nil {
			fail("consistency: %v", err)
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
			fail("consistency: %v", err)
		}
		fmt.Printf("continues %d\n", old.N)
	}
	fmt.Printf("accepted %d entries\n", tree.N)
}

func checkProof(vkey, path string) {
	head, rest, ok := bytes.Cut(readAll(path), []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail("not a proof")
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		fail("%v", err)
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		fail("%v", err)
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			fail("%v", err)
		}
		proof = append(proof, h)
	}
	tree := open(vkey, rest)
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(text)); err != nil {
		fail("%v", err)
	}
	fmt.Printf("accepted entry %d of %d\n", index, tree.N)
}

func write(path string, data []byte) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		fail("%v", err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		fail("%v", err)
	}
}

// text is what an entry of another log may be: any bytes, also none.
func text(i int64) []byte {
	switch i % 4 {
	case 0:
		return []byte{}
	case 1:
		return bytes.Repeat([]byte{byte(i), 0, 255}, int(i%700))
	}
	return []byte(fmt.Sprintf("{\"entry\": %d}\n", i))
}

func makeLog(dir, name string, n int64) {
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		fail("%v", err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		fail("%v", err)
	}
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, k := range at {
			out[i] = stored[k]
		}
		return out, nil
	})
	var bundle []byte
	for i := int64(0); i < n; i++ {
		more, err := tlog.StoredHashes(i, text(i), reader)
		if err != nil {
			fail("%v", err)
		}
		stored = append(stored, more...)
		t := text(i)
		bundle = append(append(bundle, byte(len(t)>>8), byte(len(t))), t...)
		if (i+1)%256 == 0 || i+1 == n {
			tile := tlog.Tile{H: 8, L: 0, N: i / 256, W: int(i%256) + 1}
			write(filepath.Join(dir, strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)), bundle)
			bundle = nil
		}
	}
	root, err := tlog.TreeHash(n, reader)
	if err != nil {
		fail("%v", err)
	}
	widest := map[[2]int64]int{} // NewTiles has those of smaller trees too
	for _, tile := range tlog.NewTiles(8, 0, n) {
		widest[[2]int64{int64(tile.L), tile.N}] = tile.W
	}
	for at, w := range widest {
		tile := tlog.Tile{H: 8, L: int(at[0]), N: at[1], W: w}
		data, err := tlog.ReadTileData(tile, reader)
		if err != nil {
			fail("%v", err)
		}
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		write(filepath.Join(dir, path), data)
	}
	body := fmt.Sprintf("%s\n%d\n%s\n", name, n, root)
	signed, err := note.Sign(&note.Note{Text: body}, signer)
	if err != nil {
		fail("%v", err)
	}
	write(filepath.Join(dir, "checkpoint"), signed)
	for _, i := range []int64{0, n / 2, n - 1} {
		proof, err := tlog.ProveRecord(n, i, reader)
		if err != nil {
			fail("%v", err)
		}
		out := "c2sp.org/tlog-proof@v1\nextra " + base64.StdEncoding.EncodeToString(text(i)) +
			fmt.Sprintf("\nindex %d\n", i)
		for _, h := range proof {
			out += h.String() + "\n"
		}
		write(fmt.Sprintf("%s-%d.tlog-proof", dir, i), []byte(out+"\n"+string(signed)))
	}
	fmt.Println(vkey)
}

func main() {
	if len(os.Args) == 5 && os.Args[1] == "make" {
		n, err := strconv.ParseInt(os.Args[4], 10, 64)
		if err != nil || n < 1 {
			fail("a number of entries")
		}
		makeLog(os.Args[2], os.Args[3], n)
		return
	}
	if len(os.Args) < 3 {
		fail("usage: third VKEY PATH [EARLIER]")
	}
	if info, err := os.Stat(os.Args[2]); err == nil && info.IsDir() {
		earlier := ""
		if len(os.Args) > 3 {
			earlier = os.Args[3]
		}
		checkTiles(os.Args[1], os.Args[2], earlier)
		return
	}
	checkProof(os.Args[1], os.Args[2])
}

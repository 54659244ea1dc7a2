// Package answers prints what an admin client was told, so that a transcript can compare it: one
// line for each topic, partition, broker or group, sorted, without what differs from run to run and
// without messages, whose words are each broker's own.
package answers

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
)

// Print writes a line for every struct in a value, behind the keys that lead to it.
func Print(value any) {
	for _, line := range lines("", reflect.ValueOf(value)) {
		fmt.Println(line)
	}
}

// Must ends the program with the error's text, which is an answer, too.
func Must(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func lines(prefix string, value reflect.Value) []string {
	for value.IsValid() && (value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface) {
		if _, failed := value.Interface().(error); failed {
			break
		}
		value = value.Elem()
	}
	var all []string
	switch {
	case value.IsValid() && value.Kind() == reflect.Map:
		for _, key := range sorted(value) {
			all = append(all, lines(fmt.Sprint(prefix, key, " "), value.MapIndex(key))...)
		}
	case value.IsValid() && value.Kind() == reflect.Slice && isOfStructs(value.Type()):
		for index := range value.Len() {
			all = append(all, lines(prefix, value.Index(index))...)
		}
		slices.Sort(all)
	default:
		all = append(all, prefix+text(plain(value)))
	}
	return all
}

func text(value any) string {
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	Must(encoder.Encode(value))
	return strings.TrimSpace(written.String())
}

func isOfStructs(slice reflect.Type) bool {
	of := slice.Elem()
	return of.Kind() == reflect.Struct ||
		of.Kind() == reflect.Pointer && of.Elem().Kind() == reflect.Struct
}

func sorted(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		if a.CanInt() {
			return int(a.Int() - b.Int())
		}
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
	return keys
}

var (
	// Fields of which only is told whether there is something.
	veiled = []string{"TotalBytes", "UsableBytes", "ClusterID"}
	// Fields that are left out.
	dropped = []string{"ErrMessage", "ErrorMessage", "UnknownTags"}
)

// plain makes of a value what JSON can say: errors are their texts, and 16 bytes, which are an ID
// that differs in every run, only whether there is one.
func plain(value reflect.Value) any {
	if value.IsValid() && value.Kind() == reflect.Interface {
		value = value.Elem()
	}
	if !value.IsValid() {
		return nil
	}
	if value.CanInterface() {
		if err, failed := value.Interface().(error); failed && !isNil(value) {
			if value.CanInt() && value.Int() == 0 {
				return nil // sarama has a number for every error and for none
			}
			return err.Error()
		}
	}
	switch value.Kind() {
	case reflect.Pointer:
		return plain(value.Elem())
	case reflect.Struct:
		fields := map[string]any{}
		for index := range value.NumField() {
			field := value.Type().Field(index)
			if slices.Contains(veiled, field.Name) {
				fields[field.Name] = some(value.Field(index))
			} else if field.IsExported() && !slices.Contains(dropped, field.Name) {
				fields[field.Name] = plain(value.Field(index))
			}
		}
		return fields
	case reflect.Map:
		fields := map[string]any{}
		for _, key := range value.MapKeys() {
			fields[fmt.Sprint(key)] = plain(value.MapIndex(key))
		}
		return fields
	case reflect.Array:
		return some(value)
	case reflect.Slice:
		if value.Type().Elem().Kind() == reflect.Uint8 {
			return base64.StdEncoding.EncodeToString(value.Bytes())
		}
		list := []any{}
		for index := range value.Len() {
			list = append(list, plain(value.Index(index)))
		}
		return list
	default:
		return value.Interface()
	}
}

func some(value reflect.Value) string {
	if value.IsZero() {
		return "none"
	}
	return "some"
}

func isNil(value reflect.Value) bool {
	return value.Kind() == reflect.Pointer && value.IsNil()
}

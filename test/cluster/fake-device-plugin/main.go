// A device plugin for a node without GPUs. It reads the configuration that NVIDIA's reads, advertises under the names
// that NVIDIA's would use what a file says of the node's hardware, and gives containers the variable that NVIDIA's
// would give them.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const hardwareFile = "/etc/fake-hardware.json"

// hardware is what the node has: whole GPUs, and partitions of others by their profile.
type hardware struct {
	GPUs int            `json:"gpus"`
	MIG  map[string]int `json:"mig"`
}

// configuration is what of the file of NVIDIA's plugin may be there; any other field is an error.
type configuration struct {
	Version string `json:"version"`
	Flags   struct {
		MigStrategy     string `json:"migStrategy"`
		FailOnInitError bool   `json:"failOnInitError"`
		Plugin          struct {
			DeviceListStrategy []string `json:"deviceListStrategy"`
			DeviceIDStrategy   string   `json:"deviceIDStrategy"`
			PassDeviceSpecs    bool     `json:"passDeviceSpecs"`
		} `json:"plugin"`
	} `json:"flags"`
	Sharing struct {
		TimeSlicing struct {
			RenameByDefault            bool `json:"renameByDefault"`
			FailRequestsGreaterThanOne bool `json:"failRequestsGreaterThanOne"`
			Resources                  []struct {
				Name     string `json:"name"`
				Replicas int    `json:"replicas"`
			} `json:"resources"`
		} `json:"timeSlicing"`
	} `json:"sharing"`
}

// resource is served as a plugin of its own, as the kubelet wants it. Its devices are "ID" or, shared, "ID::N".
type resource struct {
	api.UnimplementedDevicePluginServer
	name    string
	devices []string
	oneOnly bool
}

func main() {
	var config configuration
	read(os.Getenv("CONFIG_FILE"), &config)
	var node hardware
	read(hardwareFile, &node)
	if config.Version != "v1" {
		log.Fatalf("unknown version of the configuration: %q", config.Version)
	}
	for _, one := range resources(config, node) {
		if err := one.start(); err != nil {
			log.Fatalf("%s: %v", one.name, err)
		}
		log.Printf("registered %s with %v", one.name, one.devices)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	<-end
}

func read(path string, into any) {
	text, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		log.Fatalf("%s: %v", path, err)
	}
}

func resources(config configuration, node hardware) []*resource {
	devices := map[string][]string{}
	add := func(name, prefix string, count int) {
		for range count {
			devices[name] = append(devices[name], fmt.Sprintf("%s-%d", prefix, len(devices[name])))
		}
	}
	add("nvidia.com/gpu", "GPU", node.GPUs)
	for profile, count := range node.MIG {
		switch config.Flags.MigStrategy {
		case "single":
			add("nvidia.com/gpu", "MIG-"+profile, count)
		case "mixed":
			add("nvidia.com/mig-"+profile, "MIG-"+profile, count)
		case "none":
		default:
			log.Fatalf("unknown MIG strategy %q", config.Flags.MigStrategy)
		}
	}
	slicing := config.Sharing.TimeSlicing
	for _, divided := range slicing.Resources {
		if divided.Replicas < 2 {
			log.Fatalf("%d replicas of %s", divided.Replicas, divided.Name)
		}
		var shares []string
		for _, device := range devices[divided.Name] {
			for share := range divided.Replicas {
				shares = append(shares, fmt.Sprintf("%s::%d", device, share))
			}
		}
		delete(devices, divided.Name)
		if slicing.RenameByDefault {
			divided.Name += ".shared"
		}
		devices[divided.Name] = shares
	}
	var all []*resource
	for name, ids := range devices {
		all = append(all, &resource{name: name, devices: ids, oneOnly: slicing.FailRequestsGreaterThanOne})
	}
	return all
}

func (r *resource) start() error {
	socket := filepath.Join(api.DevicePluginPath, strings.ReplaceAll(r.name, "/", "-")+".sock")
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	api.RegisterDevicePluginServer(server, r)
	go func() { log.Fatal(server.Serve(listener)) }()

	kubelet, err := grpc.NewClient("unix://"+api.KubeletSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer kubelet.Close()
	_, err = api.NewRegistrationClient(kubelet).Register(context.Background(), &api.RegisterRequest{
		Version:      api.Version,
		Endpoint:     filepath.Base(socket),
		ResourceName: r.name,
	})
	return err
}

func (r *resource) GetDevicePluginOptions(context.Context, *api.Empty) (*api.DevicePluginOptions, error) {
	return &api.DevicePluginOptions{}, nil
}

func (r *resource) ListAndWatch(_ *api.Empty, stream api.DevicePlugin_ListAndWatchServer) error {
	response := &api.ListAndWatchResponse{}
	for _, id := range r.devices {
		response.Devices = append(response.Devices, &api.Device{ID: id, Health: api.Healthy})
	}
	if err := stream.Send(response); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

func (r *resource) Allocate(_ context.Context, request *api.AllocateRequest) (*api.AllocateResponse, error) {
	response := &api.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		var visible []string
		for _, id := range container.DevicesIds {
			device, _, shared := strings.Cut(id, "::")
			if shared && r.oneOnly && len(container.DevicesIds) > 1 {
				return nil, fmt.Errorf("at most one share of %s, not %d", r.name, len(container.DevicesIds))
			}
			if !slices.Contains(visible, device) {
				visible = append(visible, device)
			}
		}
		slices.Sort(visible)
		response.ContainerResponses = append(response.ContainerResponses, &api.ContainerAllocateResponse{
			Envs: map[string]string{"NVIDIA_VISIBLE_DEVICES": strings.Join(visible, ",")},
		})
	}
	return response, nil
}
